//! Limits on how often: lock and unlock calls per device, each on its own count.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use thumbturn_core::ids::DeviceId;
use thumbturn_core::locks::Action;

/// A limiter per kind of workspace; `None` where there is no limit.
#[derive(Debug)]
pub struct ActionLimits {
    ordinary: Option<DefaultKeyedRateLimiter<(DeviceId, Action)>>,
    sandbox: Option<DefaultKeyedRateLimiter<(DeviceId, Action)>>,
}

impl ActionLimits {
    /// So many calls per minute; 0 = no limit.
    #[must_use]
    pub fn new(ordinary_per_minute: u32, sandbox_per_minute: u32) -> Self {
        let limiter = |per_minute| NonZeroU32::new(per_minute).map(|n| RateLimiter::keyed(Quota::per_minute(n)));
        Self { ordinary: limiter(ordinary_per_minute), sandbox: limiter(sandbox_per_minute) }
    }

    /// Counts one call.
    ///
    /// # Errors
    /// How long to wait, if it is one too many.
    pub fn check(&self, sandbox: bool, device: DeviceId, action: Action) -> Result<(), Duration> {
        let Some(limiter) = (if sandbox { &self.sandbox } else { &self.ordinary }) else { return Ok(()) };
        limiter.check_key(&(device, action)).map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }

    /// Whether workspaces of this kind have a limit at all.
    #[must_use]
    pub const fn applies(&self, sandbox: bool) -> bool {
        if sandbox { self.sandbox.is_some() } else { self.ordinary.is_some() }
    }

    /// Forgets devices that were not called for a while.
    pub fn tidy(&self) {
        for limiter in [&self.ordinary, &self.sandbox].into_iter().flatten() {
            limiter.retain_recent();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(n: u128) -> DeviceId {
        DeviceId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn each_device_and_action_has_a_count_of_its_own() {
        let limits = ActionLimits::new(2, 0);
        for _ in 0..2 {
            assert_eq!(limits.check(false, device(1), Action::UnlockDoor), Ok(()));
        }
        let wait = limits.check(false, device(1), Action::UnlockDoor).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30));
        assert_eq!(limits.check(false, device(1), Action::LockDoor), Ok(()));
        assert_eq!(limits.check(false, device(2), Action::UnlockDoor), Ok(()));
    }

    #[test]
    fn zero_means_no_limit() {
        let limits = ActionLimits::new(1, 0);
        for _ in 0..1_000 {
            assert_eq!(limits.check(true, device(1), Action::UnlockDoor), Ok(()));
        }
    }
}
