//! What belongs to a service in Redis is called after it, as on every broker.

/// The keys of a service, and its consumer group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) requests: String,
    pub(super) controls: String,
    pub(super) dead: String,
    pub(super) group: String,
}

impl Names {
    pub(super) fn of(service: &str) -> Self {
        Self {
            requests: format!("{service}-request"),
            controls: format!("{service}-control"),
            dead: format!("{service}-dead"),
            group: service.to_owned(),
        }
    }
}
