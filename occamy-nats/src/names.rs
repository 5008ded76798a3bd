//! What everything that belongs to a service is called on NATS.

use crate::connect::ConnectError;

/// What the broker is called in traces.
pub(crate) const SYSTEM: &str = "nats";

/// What everything that belongs to a service is called on NATS.
///
/// ```
/// use occamy_nats::Names;
///
/// let mut names = Names::of("routes");
/// assert_eq!((&*names.request_subject, &*names.consumer), ("routes-request", "routes"));
/// names.request_subject = "eu.routes.requests".into();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The subject of requests.
    pub request_subject: String,
    /// The stream that keeps requests.
    pub request_stream: String,
    /// The consumer of that stream.
    pub consumer: String,
    /// The subject of control messages.
    pub control_subject: String,
    /// The subject of dead letters.
    pub dead_subject: String,
    /// The stream that keeps dead letters.
    pub dead_stream: String,
}

impl Names {
    /// The names that every service has by default.
    pub fn of(service: &str) -> Self {
        let (request, dead) = (format!("{service}-request"), format!("{service}-dead"));
        Self {
            request_subject: request.clone(),
            request_stream: request,
            consumer: service.to_owned(),
            control_subject: format!("{service}-control"),
            dead_subject: dead.clone(),
            dead_stream: dead,
        }
    }

    /// Fails for names that NATS doesn't take, or would take for something else.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        let subjects = [
            ("subject of requests", &self.request_subject),
            ("subject of control messages", &self.control_subject),
            ("subject of dead letters", &self.dead_subject),
        ];
        for (what, name) in subjects {
            if name.split('.').any(|token| !is_token(token)) || name.starts_with('$') {
                let why =
                    format!("{name:?} can't be the {what}: it needs words between dots, without * and >");
                return Err(ConnectError::Config(why));
            }
        }
        let plain = [
            ("stream of requests", &self.request_stream),
            ("consumer", &self.consumer),
            ("stream of dead letters", &self.dead_stream),
        ];
        for (what, name) in plain {
            if !is_token(name) || name.contains(['/', '\\']) {
                let why =
                    format!("{name:?} can't be the name of the {what}: it needs letters, digits, - and _");
                return Err(ConnectError::Config(why));
            }
        }
        let [(_, request), (_, control), (_, dead)] = subjects;
        if request == dead || request == control || control == dead {
            let why =
                "requests, control messages and dead letters each need a subject of their own".to_owned();
            return Err(ConnectError::Config(why));
        }
        Ok(())
    }
}

fn is_token(text: &str) -> bool {
    let forbidden = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'*' | b'>' | b'.');
    !text.is_empty() && !text.bytes().any(forbidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nats_takes_for_something_else_is_no_name() {
        assert!(Names::of("routes-2_x").check().is_ok());
        for service in ["", "a b", "a*", ">", "a.b", "a/b", "größe", "a\n"] {
            let checked = Names::of(service).check();
            if service.is_empty() {
                // Only the consumer has no name.
                assert!(checked.unwrap_err().to_string().contains("consumer"));
            } else {
                assert!(checked.is_err(), "{service:?}");
            }
        }
        let mut dotted = Names::of("a");
        dotted.request_subject = "eu.a.requests".into();
        assert!(dotted.check().is_ok());
        for subject in ["a..b", ".a", "a.", "$JS.API", "a.>", "a.*"] {
            dotted.request_subject = subject.into();
            assert!(dotted.check().is_err(), "{subject}");
        }
        let mut same = Names::of("a");
        same.dead_subject = same.request_subject.clone();
        assert!(same.check().is_err());
    }
}
