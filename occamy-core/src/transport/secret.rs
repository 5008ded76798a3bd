//! What must not reach a log: passwords, tokens, and URLs that hold one.

use std::fmt;

/// A password, a token or a key. It shows itself only to who asks for it by [`expose`](Self::expose).
///
/// ```
/// use occamy_core::transport::Secret;
///
/// let token = Secret::new("hunter2");
/// assert_eq!(format!("{token:?}"), "***");
/// assert_eq!(token.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself: for the client that needs it, not for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Self {
        Self::new(text)
    }
}

/// The URL of a broker, which may hold a password. `Debug` and `Display` show it as [`redact_url`] does.
///
/// ```
/// use occamy_core::transport::SecretUrl;
///
/// let url = SecretUrl::new("amqp://guest:hunter2@localhost:5672/vhost?heartbeat=10");
/// assert_eq!(url.to_string(), "amqp://***@localhost:5672/vhost?***");
/// assert_eq!(url.expose(), "amqp://guest:hunter2@localhost:5672/vhost?heartbeat=10");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// Hides what is secret in this URL. It isn't checked: that is for the client that gets it.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL itself: for the client that needs it, not for logs.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redact_url(&self.0))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", redact_url(&self.0))
    }
}

impl<T: Into<String>> From<T> for SecretUrl {
    fn from(url: T) -> Self {
        Self::new(url)
    }
}

/// A URL, or several in one text, without what may be secret in it.
///
/// It stays on the safe side where a URL isn't well formed, since users forget to escape their passwords: a scheme and
/// its `://` stay; from there to the **last** `@` of the whole text is hidden, be it user and password or a lone token;
/// and so is everything after the first `?` or `#`, where some clients take passwords, too. A text without a scheme is
/// treated the same from its beginning. The price is that sometimes a host is hidden as well.
pub fn redact_url(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        // What has other characters isn't a scheme, but may be a user with a strange password.
        Some((scheme, rest))
            if scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) =>
        {
            (&url[..scheme.len() + 3], rest)
        }
        _ => ("", url),
    };
    let (hidden, rest) = match rest.rsplit_once('@') {
        // A password with a question mark, or a parameter with an at sign: nobody can tell.
        Some((before, _)) if before.contains(['?', '#']) => (HIDDEN, ""),
        Some((_, rest)) => ("***@", rest),
        None => ("", rest),
    };
    match rest.find(['?', '#']) {
        Some(end) => format!("{scheme}{hidden}{}{HIDDEN}", &rest[..=end]),
        None => format!("{scheme}{hidden}{rest}"),
    }
}

const HIDDEN: &str = "***";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_password_is_shown() {
        for (url, expected) in [
            ("nats://localhost:4222", "nats://localhost:4222"),
            ("nats://token@localhost:4222", "nats://***@localhost:4222"),
            ("nats://user:secret@host", "nats://***@host"),
            ("amqps://user:se@cret@host/v", "amqps://***@host/v"),
            ("amqp://user:se/cret@host/v", "amqp://***@host/v"),
            ("amqp://user:se?cret@host/v", "amqp://***"),
            ("amqp://user:se#cret@host/v", "amqp://***"),
            ("amqp://user:a://secret@host", "amqp://***@host"),
            ("user:a://secret@host", "***@host"),
            ("user:secret@host", "***@host"),
            ("kafka://a:9092,b:9092", "kafka://a:9092,b:9092"),
            ("nats://u:secret@a,nats://u:secret@b", "nats://***@b"),
            ("amqp://host/?password=secret#more", "amqp://host/?***"),
            ("amqp://host/v@w?password=secret", "amqp://***@w?***"),
            ("amqp://host?mail=a@b&password=secret", "amqp://***"),
            ("://secret@host", "://***@host"),
            ("secret@", "***@"),
            ("", ""),
        ] {
            assert_eq!(redact_url(url), expected);
        }
    }

    #[test]
    fn neither_debug_nor_display_shows_a_secret() {
        let url = SecretUrl::new("amqp://user:hunter2@host");
        let secret = Secret::from("hunter2");
        let shown = format!("{url} {url:?} {url:#?} {secret:?} {secret:#?} {:?}", Some(&secret));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(url.expose().contains(secret.expose()));
    }
}
