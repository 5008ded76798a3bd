//! Keeping credentials out of logs.

use std::fmt;

/// A URL that may hold credentials, for showing: prints as the URL with `***` in their place.
///
/// The rule is on the safe side: everything between `://` and the last `@` is hidden, so that a password with slashes or
/// further `@` in it stays secret, too, and in a list of URLs only the last host is shown. Where there is no `://`,
/// everything up to the last `@` is hidden.
///
/// ```
/// use occamy_core::transport::Redacted;
///
/// let url = Redacted::new("amqp://guest:p@ss/word@localhost:5672/%2f");
/// assert_eq!(url.to_string(), "amqp://***@localhost:5672/%2f");
/// assert_eq!(format!("{url:?}"), "\"amqp://***@localhost:5672/%2f\"");
/// assert_eq!(url.secret(), "amqp://guest:p@ss/word@localhost:5672/%2f");
/// assert_eq!(Redacted::new("nats://localhost:4222").to_string(), "nats://localhost:4222");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Redacted(Box<str>);

impl Redacted {
    /// Wraps a URL.
    pub fn new(url: impl Into<Box<str>>) -> Self {
        Self(url.into())
    }

    /// The URL with its credentials, for connecting.
    pub fn secret(&self) -> &str {
        &self.0
    }

    fn shown(&self) -> String {
        let Some((hidden, host)) = self.0.rsplit_once('@') else { return self.0.to_string() };
        let scheme = hidden.find("://").map_or("", |at| &hidden[..at + 3]);
        format!("{scheme}***@{host}")
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl fmt::Debug for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.shown(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_credential_is_shown() {
        for url in [
            "nats://token@host:4222",
            "nats://user:pass@host:4222",
            "user:pass@host",
            "amqps://us%40er:pa@ss:w/o?rd#@host/vhost?heartbeat=10",
            "nats://a:secret@one:1,nats://b:secret@two:2",
            "kafka://user:se,cr,et@host:9092,other:9092",
            "://user:pass@host",
            "pass@",
        ] {
            let shown = Redacted::new(url).to_string();
            for secret in ["user", "pass", "pa@ss", "w/o", "token", "secret", "se,", "us%40er"] {
                assert!(!shown.contains(secret), "{shown} of {url}");
            }
        }
    }

    #[test]
    fn a_url_without_credentials_is_shown_as_it_is() {
        for url in ["", "host", "memory:", "nats://host:4222", "kafka://one:1,two:2"] {
            assert_eq!(Redacted::new(url).to_string(), url);
        }
    }
}
