//! Where a hub is: hosts as they may be given, and one spelling for each.

use std::net::IpAddr;

use url::{Host, Url};

/// How long a host name may be.
const MOST_HOST: usize = 253;

/// The host of a URL, lower-case; an IPv6 address without brackets.
///
/// # Errors
/// What is wrong with it, for people.
pub(crate) fn host(url: &Url) -> Result<String, &'static str> {
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
    if let Some(address) = host.strip_prefix('[') {
        return Ok(address.trim_end_matches(']').to_ascii_lowercase());
    }
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if !plain {
        return Err("has a host name that is not plain ASCII");
    }
    if host.len() > MOST_HOST {
        return Err("has a host name of more than 253 characters");
    }
    match Host::parse(host) {
        // An address may be written in many ways: 127.1 is 127.0.0.1.
        Ok(Host::Ipv4(address)) => Ok(address.to_string()),
        Ok(_) => Ok(host.to_ascii_lowercase()),
        Err(_) => Err("has a host that is neither a name nor an address"),
    }
}

/// What makes a hub unique: its address, however it is spelled.
pub(crate) fn key(host: &str, port: u16) -> String {
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().to_string(),
        Err(_) => host.to_owned(),
    };
    let host = if is_this_machine(&host) { "127.0.0.1" } else { &host };
    with_port(host, port)
}

/// Host and port as they stand in a URL.
pub(crate) fn with_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Whether a host is the machine that the server runs on.
fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}
