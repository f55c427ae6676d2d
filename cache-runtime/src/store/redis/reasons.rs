//! What operators read when there is no connection: what was found, and what to do about it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use ::redis::{ErrorKind, RedisError};
use rustls::{AlertDescription, CertificateError};

use super::access::{Access, User};
use super::address::Host;

/// Why this host could not be connected to in this way. Shows no password, and nothing that the server
/// may have quoted from a command.
pub(super) fn of_connecting(error: &RedisError, access: &Access, host: &Host) -> String {
    if let Some(found) = rustls_error(error) {
        return of_tls(found, access);
    }
    // An answer to SELECT comes without its code.
    let says = |text: &str| error.detail().is_some_and(|detail| detail.contains(text));
    let (database, settings) = (access.database, access.settings);
    match error.code() {
        Some("NOAUTH") => no_password(settings),
        Some("WRONGPASS") => wrong_password(access),
        _ if says("DB index is out of range") => format!(
            "it has no database {database}: servers usually have 16, with the numbers 0 to 15; \
             correct the number in redis_url (its path, or the parameter db)"
        ),
        _ if says("Authentication required") => no_password(settings),
        _ if says("no permissions to run the 'select' command") => format!(
            "its user may not choose the database {database} (NOPERM): give it +select, or name no \
             database in redis_url"
        ),
        _ if says("cluster support disabled") => {
            "it is no node of a cluster: use redis:// in place of redis-cluster://".to_owned()
        }
        Some(code) => code.to_owned(),
        None => match error.kind() {
            ErrorKind::AuthenticationFailed => wrong_password(access),
            ErrorKind::Parse => format!(
                "what answers at {host} does not speak the protocol of Redis: correct the address"
            ),
            ErrorKind::Io => of_way(error, access, host),
            _ => describe(error),
        },
    }
}

/// What a server refuses that is otherwise well, and what to do about it; nothing for what is a part of
/// the way to do things.
pub(super) fn of_refusal(error: &RedisError) -> Option<(&str, &'static str)> {
    let code = error.code()?;
    let advice = match code {
        "NOSCRIPT" | "MOVED" | "ASK" | "TRYAGAIN" => return None,
        "OOM" => {
            "its memory is full (maxmemory): give it more, or a maxmemory-policy such as \
                  allkeys-lru"
        }
        "MISCONF" => "it cannot write its data to disk, and so takes no changes: look at its log",
        "NOREPLICAS" => "too few replicas are connected (min-replicas-to-write)",
        "WRONGTYPE" => "another application uses the same key: give this one a namespace",
        _ => "look up the code in the documentation of Redis",
    };
    Some((code, advice))
}

/// What went wrong, without anything that the server may have quoted from a command.
pub(super) fn describe(error: &RedisError) -> String {
    match error.code() {
        Some(code) => code.to_owned(),
        None if error.is_timeout() => "timed out".to_owned(),
        None if error.is_io_error() => error.to_string(),
        None => format!("{:?}", error.kind()),
    }
}

/// What else may be the matter where nothing is answered in time.
pub(super) fn of_silence(access: &Access) -> &'static str {
    // To such a server, the beginning of TLS is a command that does not end.
    match access.tls {
        Some(_) => "; if it is without TLS, use redis:// and leave use_tls out",
        None => "",
    }
}

fn no_password(settings: &str) -> String {
    format!("it wants a password and is given none (NOAUTH): set {settings}")
}

fn wrong_password(access: &Access) -> String {
    let who = match &access.user {
        User::Known(credentials) => match &credentials.username {
            Some(name) => format!("the user {name:?}"),
            None => "the default user".to_owned(),
        },
        User::Nobody | User::Asked(_) => "the user".to_owned(),
    };
    format!(
        "it does not let {who} in (WRONGPASS): there is no such user, it is switched off, or the \
         password is another one; correct {}",
        access.settings
    )
}

/// Before anything was answered.
fn of_way(error: &RedisError, access: &Access, host: &Host) -> String {
    match (io_error(error).map(io::Error::kind), host) {
        (Some(io::ErrorKind::ConnectionRefused), _) => format!(
            "{host} refuses connections ({error}): nothing listens there; start Redis, or correct the \
             address"
        ),
        (Some(io::ErrorKind::NotFound), Host::Unix(_)) => format!(
            "there is no socket {host} ({error}): start Redis with that socket, or correct the path"
        ),
        (Some(io::ErrorKind::PermissionDenied), Host::Unix(_)) => format!(
            "this application may not use the socket {host} ({error}): give it the rights of the file"
        ),
        (_, Host::Tcp { name, .. }) if error.to_string().contains("lookup address") => format!(
            "no address is known of the host {name} ({error}): correct it, or the name service"
        ),
        (_, Host::Tcp { .. }) if access.tls.is_none() && error.is_connection_dropped() => format!(
            "it ended the connection before it answered ({error}); if it speaks TLS, use rediss://"
        ),
        _ => describe(error),
    }
}

fn io_error(error: &RedisError) -> Option<&io::Error> {
    // The client hands out what it holds its errors in.
    let held: &Arc<dyn Error + Send + Sync> = error.source()?.downcast_ref()?;
    held.downcast_ref()
}

fn rustls_error(error: &RedisError) -> Option<&rustls::Error> {
    io_error(error)?.get_ref()?.downcast_ref()
}

fn of_tls(error: &rustls::Error, access: &Access) -> String {
    let files = access.tls.as_ref();
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => match files.and_then(|files| files.authority.as_ref()) {
            Some(authority) => format!(
                "its certificate is not trusted ({error}): it is not one of the authority in \
                 tls_ca_path ({}); take the certificate of the authority that has signed it",
                authority.display()
            ),
            None => format!(
                "its certificate is not trusted ({error}): it is not one of this system's \
                 authorities; set tls_ca_path to the certificate of the authority that has signed it"
            ),
        },
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => format!(
            "its certificate is for another name ({error}): use that name in redis_url, or a \
             certificate for this one"
        ),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => format!("its certificate has expired ({error}): give the server a new one"),
        rustls::Error::InvalidCertificate(_) => format!("its certificate is of no use ({error})"),
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => format!(
            "it wants a certificate of this application ({error}): set tls_cert_path and tls_key_path"
        ),
        rustls::Error::InvalidMessage(_) => {
            format!("it does not speak TLS ({error}): use redis:// and leave use_tls out")
        }
        _ => format!("there is no way over TLS ({error})"),
    }
}
