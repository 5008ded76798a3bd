//! What everything that belongs to a service is called on Kafka.

use crate::connect::ConnectError;

/// What the broker is called in traces.
pub(crate) const SYSTEM: &str = "kafka";

/// What everything that belongs to a service is called on Kafka.
///
/// ```
/// use occamy_kafka::Names;
///
/// let mut names = Names::of("routes");
/// assert_eq!((&*names.request_topic, &*names.group), ("routes-request", "routes"));
/// names.request_topic = "eu.routes.requests".into();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The topic of requests.
    pub request_topic: String,
    /// The consumer group that shares them.
    pub group: String,
    /// The topic of control messages.
    pub control_topic: String,
    /// The topic of dead letters, and the consumer group that remembers which of them were sent again or removed.
    pub dead_topic: String,
}

impl Names {
    /// The names that every service has by default.
    pub fn of(service: &str) -> Self {
        Self {
            request_topic: format!("{service}-request"),
            group: service.to_owned(),
            control_topic: format!("{service}-control"),
            dead_topic: format!("{service}-dead"),
        }
    }

    /// Fails for names that Kafka doesn't take.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        /// Kafka makes names of files of it.
        const LONGEST: usize = 249;
        let topics = [
            ("requests", &self.request_topic),
            ("control messages", &self.control_topic),
            ("dead letters", &self.dead_topic),
        ];
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        for (what, name) in topics {
            let dots = matches!(name.as_str(), "" | "." | "..");
            if dots || name.len() > LONGEST || !name.bytes().all(legal) {
                let why =
                    format!("{name:?} can't name the topic of {what}: it needs letters, digits, ., _ and -");
                return Err(ConnectError::Config(why));
            }
        }
        if self.group.is_empty() {
            return Err(ConnectError::Config("the consumer group needs a name".to_owned()));
        }
        let (requests, controls, dead) = (&self.request_topic, &self.control_topic, &self.dead_topic);
        if requests == controls || requests == dead || controls == dead {
            return Err(ConnectError::Config("each kind of message needs a topic of its own".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_kafka_does_not_take_are_errors() {
        assert!(Names::of("routes.eu-2_x").check().is_ok());
        for service in ["a b", "größe", "a/b", &*"x".repeat(250)] {
            assert!(Names::of(service).check().is_err(), "{service}");
        }
        let mut names = Names::of("a");
        names.group.clear();
        assert!(names.check().unwrap_err().to_string().contains("group"));
        let mut names = Names::of("a");
        names.dead_topic = names.request_topic.clone();
        assert!(names.check().is_err());
    }
}
