//! What everything that belongs to a service is called on RabbitMQ.

use crate::connect::ConnectError;

/// What the broker is called in traces.
pub(crate) const SYSTEM: &str = "rabbitmq";

/// The longest name that AMQP has room for.
const LONGEST: usize = 255;
/// What is kept of that for the name of a server.
const SERVER: usize = 64;

/// What everything that belongs to a service is called on RabbitMQ.
///
/// ```
/// use occamy_amqp::Names;
///
/// let mut names = Names::of("routes");
/// assert_eq!((&*names.request_exchange, &*names.request_queue), ("routes-request", "routes-request"));
/// names.request_queue = "routes.work".into();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// The exchange that requests are sent to.
    pub request_exchange: String,
    /// The queue in which they wait.
    pub request_queue: String,
    /// The exchange that control messages are sent to.
    pub control_exchange: String,
    /// What the names of the servers' queues for control messages begin with.
    pub control_queue_prefix: String,
    /// The queue of dead letters.
    pub dead_queue: String,
}

impl Names {
    /// The names that every service has by default.
    pub fn of(service: &str) -> Self {
        Self {
            request_exchange: format!("{service}-request"),
            request_queue: format!("{service}-request"),
            control_exchange: format!("{service}-control"),
            control_queue_prefix: format!("{service}-control."),
            dead_queue: format!("{service}-dead"),
        }
    }

    /// Fails for names that RabbitMQ doesn't take.
    pub(crate) fn check(&self) -> Result<(), ConnectError> {
        let names = [
            ("exchange of requests", &self.request_exchange, LONGEST),
            ("queue of requests", &self.request_queue, LONGEST),
            ("exchange of control messages", &self.control_exchange, LONGEST),
            ("queues of control messages", &self.control_queue_prefix, LONGEST - SERVER),
            ("queue of dead letters", &self.dead_queue, LONGEST),
        ];
        for (what, name, longest) in names {
            // The empty exchange is a queue's own, and names that begin so are RabbitMQ's.
            if name.is_empty() || name.starts_with("amq.") || name.len() > longest {
                let why = format!(
                    "{name:?} can't name the {what}: 1 to {longest} bytes, and not beginning with amq."
                );
                return Err(ConnectError::Config(why));
            }
        }
        if self.request_queue == self.dead_queue {
            return Err(ConnectError::Config("dead letters need a queue of their own".to_owned()));
        }
        if self.request_exchange == self.control_exchange {
            return Err(ConnectError::Config("control messages need an exchange of their own".to_owned()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_rabbitmq_does_not_take_are_errors() {
        assert!(Names::of("größe.7").check().is_ok());
        assert!(Names::of(&"x".repeat(300)).check().is_err());
        assert!(Names::of("amq.x").check().is_err());
        let mut names = Names::of("a");
        names.dead_queue.clear();
        assert!(names.check().unwrap_err().to_string().contains("dead letters"));
        names.dead_queue = names.request_queue.clone();
        assert!(names.check().is_err());
        let mut names = Names::of("a");
        names.control_exchange = names.request_exchange.clone();
        assert!(names.check().is_err());
    }
}
