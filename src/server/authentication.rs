//! How a client proves who it is: by SCRAM-SHA-256, bound to the server's certificate where there is one, or by a
//! certificate of its own; and what a wrong proof costs.
//!
//! Until the verdict a role that is not there is treated as one that is: the same messages, a salt that stays the same,
//! the same delays.

use super::backend::{Backend, Verifier};
use super::cancel::secret;
use super::hba::{Method, Shown, Terms};
use super::login::{Hello, Wire};
use super::serve::Shared;
use super::tls::{self, Tls};
use crate::config::SCRAM_ROUNDS;
use crate::error::{Error, Kind, Result};
use crate::fail;
use bytes::Bytes;
use pgwire::api::auth::sasl::scram::{ScramSecret, ScramServerAuth};
use pgwire::error::PgWireError;
use pgwire::messages::PgWireBackendMessage;
use pgwire::messages::startup::Authentication;
use std::net::IpAddr;

const PLAIN: &str = "SCRAM-SHA-256";
const BOUND: &str = "SCRAM-SHA-256-PLUS";
/// How a first message begins that is bound to the server's certificate.
const END_POINT: &[u8] = b"p=tls-server-end-point,";

/// Lets the client prove that it is the role it says, as the rules want it; false when it is gone.
pub async fn authenticate(
    wire: &mut Wire,
    hello: &Hello,
    terms: Terms,
    address: IpAddr,
    shared: &Shared,
) -> Result<bool> {
    let role = &hello.role;
    let named = match (terms.certificate, wire.socket.client_certificate()) {
        (Shown::Nothing, _) => None,
        // That it is signed was looked at when the connection was encrypted.
        (_, Some(certificate)) => tls::common_name(certificate),
        (_, None) => fail!(NotAuthorized, "connection requires a valid client certificate"),
    };
    let is_named = terms.certificate < Shown::Named || named.as_ref() == Some(role);
    match terms.method {
        Method::Scram => {
            let Some(message) = scram(wire, role, is_named, address, shared).await? else { return Ok(false) };
            wire.send(PgWireBackendMessage::Authentication(message)).await?;
        }
        Method::Certificate if !is_named => {
            fail!(NotAuthorized, "certificate authentication failed for user \"{role}\"")
        }
        Method::Certificate | Method::Trust => shared.backend.must_log_in(role)?,
        Method::Reject => return Err(Error::internal("a rejected connection is asked for a proof")),
    }
    wire.send(PgWireBackendMessage::Authentication(Authentication::Ok)).await?;
    Ok(true)
}

/// The exchange of SCRAM up to the server's own proof, which is given back; none when the client is gone.
async fn scram(
    wire: &mut Wire,
    role: &str,
    is_named: bool,
    address: IpAddr,
    shared: &Shared,
) -> Result<Option<Authentication>> {
    let (verifier, known) = match shared.backend.scram_verifier(role) {
        Some(verifier) => (verifier, true),
        None => (mock_verifier(role, shared.backend.as_ref())?, false),
    };
    let secret = ScramSecret::Verifier {
        salt: verifier.salt,
        iterations: verifier.iterations as usize,
        stored_key: verifier.stored_key,
        server_key: verifier.server_key,
    };
    let bound = shared.tls.as_ref().filter(|_| wire.socket.is_encrypted()).and_then(Tls::scram);
    let mechanisms = if bound.is_some() { vec![BOUND.to_owned(), PLAIN.to_owned()] } else { vec![PLAIN.to_owned()] };
    wire.send(PgWireBackendMessage::Authentication(Authentication::SASL(mechanisms))).await?;
    let Some(mut first) = wire.password().await? else { return Ok(None) };
    let mechanism = first.string()?;
    if !(mechanism == PLAIN || mechanism == BOUND && bound.is_some()) {
        fail!(Protocol, "client selected an invalid SASL authentication mechanism");
    }
    let length = usize::try_from(first.word()?).unwrap_or_default();
    let initial = first.bytes(length)?;
    must_bind(&initial, mechanism == BOUND, bound.is_some())?;
    let server = bound.cloned().unwrap_or_else(ScramServerAuth::new);
    let (challenge, waiting) = server.on_client_first_message_with_secret(&initial, secret).map_err(refusal)?;
    let challenge = Authentication::SASLContinue(Bytes::from(challenge));
    wire.send(PgWireBackendMessage::Authentication(challenge)).await?;
    let Some(mut last) = wire.password().await? else { return Ok(None) };
    let verdict = match waiting.on_client_final_message(&last.rest()) {
        Ok(signature) if known && is_named => Ok(signature),
        Ok(_) | Err(PgWireError::InvalidPassword(_)) => Err(wrong_password(role)),
        Err(error) => return Err(refusal(error)),
    };
    // Counted before the wait, so that many tries at once do not all find an empty count.
    if verdict.is_err() {
        shared.throttle.failed(address, role);
    }
    let delay = shared.throttle.delay(address, role);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let signature = verdict?;
    shared.throttle.succeeded(address, role);
    Ok(Some(Authentication::SASLFinal(Bytes::from(signature))))
}

/// What the client says of binding must fit what it chose, and what it was offered: one that says that the server cannot,
/// though it can, has been deceived by somebody between.
fn must_bind(initial: &[u8], chose_bound: bool, offered: bool) -> Result<()> {
    match (initial.first(), chose_bound) {
        (Some(b'p'), true) if initial.starts_with(END_POINT) => Ok(()),
        (Some(b'p'), true) => fail!(Protocol, "unsupported SCRAM channel-binding type"),
        (_, true) => Err(malformed(
            "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include channel binding data.",
        )),
        (Some(b'p'), false) => Err(malformed(
            "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message includes channel binding data.",
        )),
        (Some(b'y'), false) if offered => {
            Err(Error::new(Kind::NotAuthorized, "SCRAM channel binding negotiation error").with_detail(
                "The client supports SCRAM channel binding but thinks the server does not.  However, this server does \
                 support channel binding.",
            ))
        }
        _ => Ok(()),
    }
}

fn malformed(detail: &str) -> Error {
    Error::new(Kind::Protocol, "malformed SCRAM message").with_detail(detail)
}

/// The verifier of a role that is not there: a salt that stays the same for a name, keys that fit no password.
fn mock_verifier(role: &str, backend: &dyn Backend) -> Result<Verifier> {
    let salt = backend.mock_salt(role)?.to_vec();
    Ok(Verifier { iterations: SCRAM_ROUNDS, salt, stored_key: secret(32)?, server_key: secret(32)? })
}

/// What is wrong with a message that proves nothing either way.
fn refusal(error: PgWireError) -> Error {
    match error {
        PgWireError::InvalidScramMessage(what) if what == "Channel binding mismatch" => {
            Error::new(Kind::NotAuthorized, "SCRAM channel binding check failed")
        }
        _ => Error::new(Kind::Protocol, "malformed SCRAM message"),
    }
}

fn wrong_password(role: &str) -> Error {
    Error::new(Kind::Authentication, format!("password authentication failed for user \"{role}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_binding_must_be_true() {
        let kind =
            |initial: &str, chose, offered| must_bind(initial.as_bytes(), chose, offered).err().map(|e| e.kind());
        assert_eq!(kind("p=tls-server-end-point,,n=,r=x", true, true), None);
        assert_eq!(kind("n,,n=,r=x", false, true), None);
        assert_eq!(kind("y,,n=,r=x", false, false), None);
        assert_eq!(kind("y,,n=,r=x", false, true), Some(Kind::NotAuthorized));
        assert_eq!(kind("p=tls-unique,,n=,r=x", true, true), Some(Kind::Protocol));
        assert_eq!(kind("n,,n=,r=x", true, true), Some(Kind::Protocol));
        assert_eq!(kind("p=tls-server-end-point,,n=,r=x", false, true), Some(Kind::Protocol));
    }
}
