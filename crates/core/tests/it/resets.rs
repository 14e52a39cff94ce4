//! A workspace that is reset while its account is being opened: whatever comes first, one session listens to a hub.

use thumbturn_core::accounts::Account;
use thumbturn_core::attempts::Attempt;
use thumbturn_core::change::Reset;
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Action;
use thumbturn_core::ports::Clock as _;

use crate::house::{CONFIRMED, House, TALKATIVE, WORKSPACE, account};

/// A reset that leaves this account, or none.
pub(crate) fn reset(house: &House, account: Option<Account>) -> Reset {
    let now = house.clock.now().wall;
    let attempt = Attempt {
        id: AttemptId::new_at(now),
        workspace: WORKSPACE,
        account: None,
        device: None,
        action: Action::ResetSandboxWorkspace,
        created_at: now,
        outcome: Some(CONFIRMED),
    };
    Reset { attempt, call: None, account, devices: Vec::new(), events: Vec::new() }
}

fn calls(house: &House) -> usize {
    house.hub.set(|state| state.calls)
}

#[tokio::test(start_paused = true)]
async fn an_account_that_a_reset_has_opened_is_not_opened_twice() {
    let house = House::with(1, TALKATIVE).await;
    house.engine.reset_workspace(reset(&house, Some(account(0)))).await.unwrap();
    house.pass(1_000).await;
    assert_eq!(calls(&house), 2);
    house.engine.open_account(account(0)).await.unwrap();
    house.pass(1_000).await;
    assert_eq!(calls(&house), 2);
}

#[tokio::test(start_paused = true)]
async fn an_account_that_a_reset_is_about_to_take_is_not_opened_behind_it() {
    let house = House::with(1, TALKATIVE).await;
    house.store.takes(1_000);
    let opening = async {
        house.pass(500).await;
        house.engine.open_account(account(0)).await.unwrap();
    };
    let resetting = house.engine.reset_workspace(reset(&house, None));
    let (done, ()) = tokio::join!(resetting, opening);
    done.unwrap();
    house.pass(10_000).await;
    assert_eq!(calls(&house), 1, "nobody listens to the hub of an account that is gone");
}
