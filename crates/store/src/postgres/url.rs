//! The database's URL: what of it the library reads by itself, and the TLS modes, which are ours.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// How long one attempt to connect may take, unless the URL says otherwise.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that acknowledges nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);

/// How much of the server's certificate is believed: the words of `sslmode`, as libpq means them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// No TLS.
    Off,
    /// TLS without a look at the certificate: nobody can listen in, but anybody can pose as the server.
    Anything,
    /// A certificate of a known authority, for whatever name.
    Authority,
    /// A certificate of a known authority for this host.
    Name,
}

/// Where the database is and how to get there. Its `Debug` shows no password.
#[derive(Clone)]
pub(super) struct Target {
    pub(super) config: Config,
    pub(super) trust: Trust,
    /// The file of the authorities; `None`: the system's.
    pub(super) roots: Option<PathBuf>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("name", &self.name()).field("trust", &self.trust).finish_non_exhaustive()
    }
}

/// Whether `url` can be the URL of a PostgreSQL database.
///
/// # Errors
/// What is wrong with it, without a word of it: it may hold a password.
pub fn check_database_url(url: &str) -> Result<(), &'static str> {
    Target::parse(url).map(drop)
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err("no URL that begins with postgres://");
        }
        let (place, options) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", word)) => mode = Some(word),
                Some(("sslrootcert", "system")) => {}
                Some(("sslrootcert", path)) => roots = Some(PathBuf::from(unescape(path)?)),
                _ => rest.push(option),
            }
        }
        let (trust, tls) = mode_of(mode.unwrap_or("prefer"), roots.is_some())?;
        let mut config = Config::from_str(&format!("{place}?{}", rest.join("&"))).map_err(
            |_| "a URL that cannot be read (are special characters in the password written as %40 and so on?)",
        )?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err("a URL without a host");
        }
        config.ssl_mode(tls);
        fill_in(&mut config);
        Ok(Self { config, trust, roots })
    }

    /// The database in words for people, without user and password.
    pub(super) fn name(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => self.config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("postgres://{host}:{port}/{database}")
    }
}

/// What the URL left open.
fn fill_in(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config.keepalives(true).keepalives_idle(SILENCE / 2).keepalives_interval(SILENCE / 5).keepalives_retries(3);
    // Of several hosts the one that takes writes: after a failover it is another one.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
}

fn mode_of(word: &str, has_roots: bool) -> Result<(Trust, SslMode), &'static str> {
    Ok(match word {
        "disable" => (Trust::Off, SslMode::Disable),
        "prefer" => (Trust::Anything, SslMode::Prefer),
        // As libpq: who gives an authority means it.
        "require" if has_roots => (Trust::Authority, SslMode::Require),
        "require" => (Trust::Anything, SslMode::Require),
        "verify-ca" => (Trust::Authority, SslMode::Require),
        "verify-full" => (Trust::Name, SslMode::Require),
        _ => return Err("a URL whose sslmode is none of disable, prefer, require, verify-ca, verify-full"),
    })
}

/// Reads `%2F` and the like.
fn unescape(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "a URL whose sslrootcert cannot be read";
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first != b'%' {
            bytes.push(*first);
            rest = after;
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).ok_or(WRONG)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| WRONG)?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| WRONG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_sslmode_is_understood_and_no_other() {
        let trust =
            |mode: &str| Target::parse(&format!("postgres://u:p@h/d?sslmode={mode}")).map(|target| target.trust);
        assert_eq!(trust("disable"), Ok(Trust::Off));
        assert_eq!(trust("prefer"), Ok(Trust::Anything));
        assert_eq!(trust("require"), Ok(Trust::Anything));
        assert_eq!(trust("require&sslrootcert=/ca.pem"), Ok(Trust::Authority));
        assert_eq!(trust("verify-ca"), Ok(Trust::Authority));
        assert_eq!(trust("verify-full"), Ok(Trust::Name));
        assert!(trust("verify").is_err());
    }

    #[test]
    fn what_is_shown_of_a_url_holds_neither_user_nor_password() {
        let target = Target::parse("postgres://door:hunter2@db.example:6432/locks?sslmode=verify-full").unwrap();
        assert_eq!(target.name(), "postgres://db.example:6432/locks");
        assert!(!format!("{target:?}").contains("hunter2"));
        for wrong in
            ["postgres://u:hunter2@/d?port=x", "postgres://u:hunter2", "hunter2", "postgres://u:hunter2@h/d?sslmode=x"]
        {
            assert!(!Target::parse(wrong).unwrap_err().contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn the_other_options_reach_the_library() {
        let url = "postgres://u@h/d?sslmode=disable&connect_timeout=3&application_name=x&sslrootcert=%2Fa%20b.pem";
        let target = Target::parse(url).unwrap();
        assert_eq!(target.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(target.config.get_application_name(), Some("x"));
        assert_eq!(target.roots, Some(PathBuf::from("/a b.pem")));
    }
}
