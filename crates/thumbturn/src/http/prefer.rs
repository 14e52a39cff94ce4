//! How long an action's answer may wait for the outcome: RFC 7240 `Prefer`, the undocumented parameter `sync`, the
//! setting.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

/// No answer waits longer than this.
pub const LONGEST: Duration = Duration::from_secs(10);

/// What the caller asked for with `Prefer`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Preference {
    wait: Option<Duration>,
}

impl Preference {
    /// Reads every `Prefer` header, as RFC 7240 says: the first of a kind counts, `respond-async, wait=5` means that
    /// the answer may come without the outcome after five seconds, and what is not understood is ignored.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let stated = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let stated: Vec<&str> = stated.flat_map(|value| value.split(',')).map(without_parameters).collect();
        let at_once = || stated.iter().any(|one| one.eq_ignore_ascii_case("respond-async"));
        Self { wait: stated.iter().find_map(|one| wait(one)).or_else(|| at_once().then_some(Duration::ZERO)) }
    }

    /// How long to wait for the outcome.
    #[must_use]
    pub fn hold(self, sync: bool, setting: Duration) -> Duration {
        let wanted = match self.wait {
            Some(wait) => wait,
            None if sync => LONGEST,
            None => setting,
        };
        wanted.min(LONGEST)
    }

    /// The `Preference-Applied` header to answer.
    #[must_use]
    pub fn applied(self) -> Option<HeaderValue> {
        let wait = self.wait?;
        if wait.is_zero() {
            return Some(HeaderValue::from_static("respond-async"));
        }
        HeaderValue::try_from(format!("wait={}", wait.min(LONGEST).as_secs())).ok()
    }
}

fn without_parameters(preference: &str) -> &str {
    preference.split(';').next().unwrap_or_default().trim()
}

fn wait(preference: &str) -> Option<Duration> {
    let (name, value) = preference.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("wait") {
        return None;
    }
    value.trim().trim_matches('"').parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(values: &[&'static str], sync: bool) -> u64 {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("prefer", HeaderValue::from_static(value));
        }
        Preference::read(&headers).hold(sync, Duration::from_secs(4)).as_secs()
    }

    #[test]
    fn the_setting_holds_where_nothing_is_preferred() {
        assert_eq!(hold(&[], false), 4);
        assert_eq!(hold(&["return=minimal", "wait=soon"], false), 4);
    }

    #[test]
    fn a_preference_wins_and_is_bounded() {
        assert_eq!(hold(&["respond-async"], true), 0);
        assert_eq!(hold(&["Wait=7"], false), 7);
        assert_eq!(hold(&["wait=600"], false), 10);
        assert_eq!(hold(&["return=minimal, respond-async, wait=9"], false), 9);
        assert_eq!(hold(&["wait=3; x=y", "respond-async", "wait=9"], false), 3);
        assert_eq!(hold(&["return=minimal", "wait=\"2\""], false), 2);
        assert_eq!(hold(&[], true), 10);
    }
}
