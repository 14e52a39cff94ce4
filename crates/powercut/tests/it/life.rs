//! One life of the server: from its start to the moment in which the power goes.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use thumbturn_core::accounts::{Account, LinkState, Provider};
use thumbturn_core::change::{Change, SetUp};
use thumbturn_core::hub::{Engine, EngineSettings};
use thumbturn_core::ids::{AccountId, OperatorId, WorkspaceId};
use thumbturn_core::ports::{Clock, Driver};
use thumbturn_core::scope::Scope;
use thumbturn_core::workspaces::Workspace;
use thumbturn_powercut::{Disk, VFS, mount};
use thumbturn_simulate::SimClock;
use thumbturn_store::{OpenOptions, Store};
use uuid::Uuid;

use crate::checks;
use crate::clients::{self, House};
use crate::hardware::{Hardware, Wires};
use crate::ledger::{Broken, Ledger};
use crate::mutants::{Kept, Mutant, commit};

pub(crate) const WORKSPACE: WorkspaceId = WorkspaceId(Uuid::from_u128(1));
pub(crate) const ACCOUNT: AccountId = AccountId(Uuid::from_u128(2));
/// Attempts that a cut left unfinished have ended so long after the next start: the engine's time for it, and a read.
const RECOVERED: Duration = Duration::from_secs(15);

/// Where in a life the power goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    /// At this operation of the disk.
    At(u64),
    /// At this one after the beginning of a checkpoint.
    InCheckpoint(u64),
    /// Some time after the start, while the disk does nothing and the locks do something.
    After(Duration),
    /// At this operation after the beginning of an orderly end.
    WhileClosing(u64),
    /// It does not.
    Never,
}

/// What a life is lived with.
pub(crate) struct Life {
    pub(crate) number: u32,
    pub(crate) seed: u64,
    pub(crate) cut: Cut,
    pub(crate) mutant: Mutant,
    pub(crate) folder: PathBuf,
    pub(crate) disk: Arc<Disk>,
    pub(crate) hardware: Arc<Hardware>,
    pub(crate) ledger: Arc<Ledger>,
    /// When it begins.
    pub(crate) wall: Timestamp,
    /// How long calls come in, if the power lasts.
    pub(crate) busy_for: Duration,
}

/// Anything that stops a life. Without power it is no news.
pub(crate) type Stopped = Box<dyn std::error::Error>;

impl Life {
    /// Lives, and says when it ended. Nothing of it is left then but disk, hardware and ledger.
    pub(crate) fn live(self: &Arc<Self>) -> Timestamp {
        let _mount = mount(&self.folder, Arc::clone(&self.disk));
        if let Cut::At(operation) = self.cut {
            self.disk.cut_at(operation);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let clock = Arc::new(SimClock::at(self.wall));
            tokio::select! {
                biased;
                () = self.disk.off() => {}
                () = self.while_quiet() => self.disk.cut(),
                ended = self.run(&clock) => if let Err(error) = ended && self.disk.is_on() {
                    self.ledger.broken(Broken::Refused(error.to_string()));
                }
            }
            clock.now().wall
        })
    }

    async fn while_quiet(&self) {
        match self.cut {
            Cut::After(time) => tokio::time::sleep(time).await,
            _ => std::future::pending().await,
        }
    }

    async fn run(self: &Arc<Self>, clock: &Arc<SimClock>) -> Result<(), Stopped> {
        let store = match self.open(clock) {
            Ok(store) => store,
            Err(error) if self.disk.is_on() => {
                self.ledger.broken(Broken::DoesNotOpen(format!("{error}: {:?}", std::error::Error::source(&error))));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        self.set_up(&store).await?;
        let left_over = checks::all(self, &store).await?;
        self.ledger.open().left_over += left_over.len();
        let engine = self.start(&store, clock).await?;
        let house = House::new(Arc::clone(self), Arc::clone(clock), store.clone(), Arc::clone(&engine));
        clients::open_the_doors(&house).await?;
        let recovered = clock.now().after(RECOVERED);
        clock.sleep_until(clock.now().after(self.busy_for)).await;
        house.closing();
        if matches!(self.cut, Cut::Never) {
            clock.sleep_until(recovered).await;
            checks::ended(self, &store, &left_over).await?;
        }
        engine.drain().await;
        let everything = checks::all(self, &store).await?;
        for pending in everything {
            self.ledger.broken(Broken::Pending(pending));
        }
        self.close(store).await;
        Ok(())
    }

    fn open(&self, clock: &SimClock) -> Result<Store, thumbturn_store::OpenError> {
        let options = OpenOptions::new(&self.folder);
        thumbturn_store::open(OpenOptions {
            vfs: Some(VFS.to_owned()),
            readers: 2,
            clock: clock.for_store(),
            ..options
        })
    }

    async fn set_up(&self, store: &Store) -> Result<(), Stopped> {
        if store.is_set_up().await? {
            return Ok(());
        }
        if self.ledger.open().set_up {
            self.ledger.broken(Broken::SetUpLost);
        }
        commit(store, Change::SetUp(Box::new(set_up(self.wall)))).await?;
        self.ledger.open().set_up = true;
        Ok(())
    }

    /// As the server starts.
    async fn start(&self, store: &Store, clock: &Arc<SimClock>) -> Result<Arc<Engine>, Stopped> {
        let (again, runtime) = (store.clone(), tokio::runtime::Handle::current());
        tokio::task::spawn_blocking(move || runtime.block_on(again.begin_run())).await??;
        let clock: Arc<dyn Clock> = Arc::clone(clock) as Arc<dyn Clock>;
        let (hardware, disk) = (Arc::clone(&self.hardware), Arc::clone(&self.disk));
        let wires = Wires::new(hardware, disk, Arc::clone(&clock), self.number, self.mutant, self.seed);
        let drivers = HashMap::from([(Provider::Mqtt, Arc::new(wires) as Arc<dyn Driver>)]);
        let kept = Arc::new(Kept { store: store.clone(), mutant: self.mutant });
        Ok(Arc::new(Engine::start(kept, clock, drivers, EngineSettings::default()).await?))
    }

    async fn close(&self, store: Store) {
        if let Cut::WhileClosing(operation) = self.cut {
            self.disk.cut_at(operation);
        }
        let runtime = tokio::runtime::Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(store.close())).await.unwrap();
    }
}

pub(crate) fn scope() -> Scope {
    Scope::workspace_wide(WORKSPACE)
}

pub(crate) fn set_up(now: Timestamp) -> SetUp {
    let workspace = Workspace {
        id: WORKSPACE,
        name: "House".to_owned(),
        company_name: "Doors Ltd".to_owned(),
        is_sandbox: false,
        is_suspended: false,
        publishable_key_enabled: false,
        publishable_key: None,
        customization: "{}".to_owned(),
        created_at: now,
    };
    let account = Account {
        id: ACCOUNT,
        workspace: WORKSPACE,
        provider: Provider::Mqtt,
        display_name: "Hub".to_owned(),
        hub_key: "hub".to_owned(),
        config: "{}".to_owned(),
        manages_new_devices: true,
        link: LinkState::Connecting,
        first_sync_done: false,
        custom_metadata: "{}".to_owned(),
        customer_key: None,
        created_at: now,
    };
    SetUp {
        operator: OperatorId(Uuid::from_u128(3)),
        workspace,
        keys: Vec::new(),
        account,
        devices: Vec::new(),
        events: Vec::new(),
    }
}
