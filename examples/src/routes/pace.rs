//! How often something is told: what is new soon, and at long intervals that there is nothing new.

use std::time::{Duration, Instant};

/// Decides when to tell.
pub(super) struct Pace {
    news: Duration,
    sign_of_life: Duration,
    told: Option<Instant>,
    untold: bool,
}

impl Pace {
    /// News are told no more often than this; and if there are none, it is said this often that all goes on.
    pub(super) fn new(news: Duration, sign_of_life: Duration) -> Self {
        Self { news, sign_of_life, told: None, untold: false }
    }

    /// True if it is time to tell now, as is then done.
    pub(super) fn is_due(&mut self, now: Instant, something_new: bool) -> bool {
        self.untold |= something_new;
        let pause = if self.untold { self.news } else { self.sign_of_life };
        let due = self.told.is_none_or(|told| now.duration_since(told) >= pause);
        if due {
            (self.told, self.untold) = (Some(now), false);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_wait_for_their_turn_and_silence_is_bounded() {
        let start = Instant::now();
        let mut pace = Pace::new(Duration::from_millis(50), Duration::from_millis(500));
        let mut due =
            |millis, something_new| pace.is_due(start + Duration::from_millis(millis), something_new);
        assert!(due(0, false), "the first is told at once");
        assert!(!due(49, true));
        assert!(due(50, false), "what came before its time is told when it may be");
        assert!(!due(549, false));
        assert!(due(550, false));
        assert!(due(600, true));
    }
}
