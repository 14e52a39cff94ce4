//! Limits on how often: lock and unlock calls per device, each on its own count.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use thumbturn_core::ids::{DeviceId, WorkspaceId};
use thumbturn_core::locks::Action;

/// One count: of a device and an action, since the last reset of their workspace.
type Limiter = DefaultKeyedRateLimiter<(DeviceId, Action, u64)>;

/// A limiter per kind of workspace; `None` where there is no limit.
#[derive(Debug)]
pub struct ActionLimits {
    ordinary: Option<Limiter>,
    sandbox: Option<Limiter>,
    /// Virtual locks that are to be limited like real ones, so that an application can be tried against that.
    like_real: RwLock<HashSet<(WorkspaceId, DeviceId)>>,
    /// How often each workspace was reset.
    resets: RwLock<HashMap<WorkspaceId, u64>>,
}

impl ActionLimits {
    /// So many calls per minute; 0 = no limit.
    #[must_use]
    pub fn new(ordinary_per_minute: u32, sandbox_per_minute: u32) -> Self {
        let limiter = |per_minute| NonZeroU32::new(per_minute).map(|n| RateLimiter::keyed(Quota::per_minute(n)));
        let (ordinary, sandbox) = (limiter(ordinary_per_minute), limiter(sandbox_per_minute));
        Self { ordinary, sandbox, like_real: RwLock::default(), resets: RwLock::default() }
    }

    /// Counts one call.
    ///
    /// # Errors
    /// How long to wait, if it is one too many.
    pub fn check(
        &self,
        sandbox: bool,
        workspace: WorkspaceId,
        device: DeviceId,
        action: Action,
    ) -> Result<(), Duration> {
        let as_sandbox = sandbox && !self.is_like_real(workspace, device);
        let Some(limiter) = (if as_sandbox { &self.sandbox } else { &self.ordinary }) else { return Ok(()) };
        let resets = self.resets.read().unwrap_or_else(PoisonError::into_inner).get(&workspace).copied();
        limiter
            .check_key(&(device, action, resets.unwrap_or_default()))
            .map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }

    /// Whether workspaces of this kind have a limit at all.
    #[must_use]
    pub const fn applies(&self, sandbox: bool) -> bool {
        if sandbox { self.sandbox.is_some() } else { self.ordinary.is_some() }
    }

    /// Whether a virtual lock is limited like a real one.
    #[must_use]
    pub fn is_like_real(&self, workspace: WorkspaceId, device: DeviceId) -> bool {
        self.like_real.read().unwrap_or_else(PoisonError::into_inner).contains(&(workspace, device))
    }

    /// Has a virtual lock limited like a real one from now on, or no longer.
    pub fn set_like_real(&self, workspace: WorkspaceId, device: DeviceId, like_real: bool) {
        let mut all = self.like_real.write().unwrap_or_else(PoisonError::into_inner);
        if like_real {
            all.insert((workspace, device));
        } else {
            all.remove(&(workspace, device));
        }
    }

    /// Begins to count anew in a workspace that was reset, its locks as a sandbox has them.
    pub fn reset(&self, workspace: WorkspaceId) {
        self.like_real.write().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| *of != workspace);
        *self.resets.write().unwrap_or_else(PoisonError::into_inner).entry(workspace).or_default() += 1;
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

    const WORKSPACE: WorkspaceId = WorkspaceId(uuid::Uuid::nil());

    fn device(n: u128) -> DeviceId {
        DeviceId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn each_device_and_action_has_a_count_of_its_own() {
        let limits = ActionLimits::new(2, 0);
        for _ in 0..2 {
            assert_eq!(limits.check(false, WORKSPACE, device(1), Action::UnlockDoor), Ok(()));
        }
        let wait = limits.check(false, WORKSPACE, device(1), Action::UnlockDoor).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30));
        assert_eq!(limits.check(false, WORKSPACE, device(1), Action::LockDoor), Ok(()));
        assert_eq!(limits.check(false, WORKSPACE, device(2), Action::UnlockDoor), Ok(()));
    }

    #[test]
    fn a_virtual_lock_can_be_limited_like_a_real_one() {
        let limits = ActionLimits::new(1, 0);
        let calls =
            |number| [(); 2].map(|()| limits.check(true, WORKSPACE, device(number), Action::UnlockDoor).is_ok());
        limits.set_like_real(WORKSPACE, device(1), true);
        assert_eq!([calls(1), calls(2)], [[true, false], [true, true]]);
        limits.set_like_real(WORKSPACE, device(1), false);
        assert_eq!(calls(1), [true, true]);
        limits.set_like_real(WORKSPACE, device(1), true);
        limits.reset(WORKSPACE);
        assert_eq!(calls(1), [true, true], "a reset takes it back");
    }

    #[test]
    fn zero_means_no_limit() {
        let limits = ActionLimits::new(1, 0);
        for _ in 0..1_000 {
            assert_eq!(limits.check(true, WORKSPACE, device(1), Action::UnlockDoor), Ok(()));
        }
    }
}
