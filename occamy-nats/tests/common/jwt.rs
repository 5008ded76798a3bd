//! An operator with one account and one user, as `nsc` would make them: the server's settings, and the user's credentials.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use nkeys::KeyPair;
use serde_json::{Value, json};

/// What is needed on both sides.
pub(crate) struct Identities {
    /// For the server's configuration.
    pub(crate) settings: String,
    /// The content of a credentials file.
    pub(crate) credentials: String,
}

pub(crate) fn identities() -> Result<Identities, nkeys::error::Error> {
    let (operator, system, account, user) =
        (KeyPair::new_operator(), KeyPair::new_account(), KeyPair::new_account(), KeyPair::new_user());
    let unlimited: Value = ["subs", "conn", "leaf", "imports", "exports", "data", "payload"]
        .into_iter()
        .chain(["mem_storage", "disk_storage", "streams", "consumer"])
        .map(|limit| (limit.to_owned(), json!(-1)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let of_operator = json!({ "type": "operator", "version": 2, "system_account": system.public_key() });
    let of_system = json!({ "type": "account", "version": 2, "limits": { "subs": -1, "conn": -1, "data": -1, "payload": -1 } });
    let of_account = json!({ "type": "account", "version": 2, "limits": unlimited });
    let of_user = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });

    let operators = token(&operator, &operator, &of_operator)?;
    let systems = token(&operator, &system, &of_system)?;
    let accounts = token(&operator, &account, &of_account)?;
    let users = token(&account, &user, &of_user)?;
    let settings = format!(
        "operator: {operators}\nresolver: MEMORY\nresolver_preload: {{ {}: {systems}, {}: {accounts} }}",
        system.public_key(),
        account.public_key()
    );
    let rule = |what: &str| format!("-----BEGIN {what}-----");
    let credentials = format!(
        "{}\n{users}\n------END NATS USER JWT------\n\n{}\n{}\n------END USER NKEY SEED------\n",
        rule("NATS USER JWT"),
        rule("USER NKEY SEED"),
        user.seed()?
    );
    Ok(Identities { settings, credentials })
}

/// A JSON web token about one key, signed with another.
fn token(issuer: &KeyPair, subject: &KeyPair, claims: &Value) -> Result<String, nkeys::error::Error> {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let body = json!({
        "jti": "test", "iat": 1_700_000_000, "name": "test",
        "iss": issuer.public_key(), "sub": subject.public_key(), "nats": claims,
    });
    let signed = format!("{}.{}", encode(&header), encode(&body));
    let signature = URL_SAFE_NO_PAD.encode(issuer.sign(signed.as_bytes())?);
    Ok(format!("{signed}.{signature}"))
}
