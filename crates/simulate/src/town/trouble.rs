//! Everything that can go wrong, once for each kind: at the lock, at the door, in the hub, in the driver, on the disk,
//! in the server and with its clock.

macro_rules! troubles {
    ($($(#[$doc:meta])* $name:ident = $word:literal;)+) => {
        /// One thing that goes wrong around one command.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Trouble {
            $($(#[$doc])* $name,)+
        }

        impl Trouble {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in reports.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

troubles! {
    /// The acknowledgement is lost; the bolt moves.
    AckLost = "acknowledgement lost";
    /// The acknowledgement comes long after the movement.
    AckLate = "acknowledgement late";
    /// The hub says "not acknowledged", and the bolt moves all the same.
    NotAcknowledgedMoved = "not acknowledged, moved";
    /// The hub says "not acknowledged", and nothing moves.
    NotAcknowledgedStill = "not acknowledged, still";
    /// The lock refuses.
    Refused = "refused";
    /// The report of the movement is lost.
    ReportLost = "report lost";
    /// The report comes seconds late.
    ReportLate = "report late";
    /// The report comes again 4.4 s later.
    ReportRepeated = "report repeated 4.4 s later";
    /// The word on what moved the bolt comes late.
    TagLate = "cause told late";
    /// The word on what moved the bolt is lost.
    TagLost = "cause lost";
    /// Acknowledged, and nothing moves.
    Ignored = "acknowledged, still";
    /// Acknowledged, the hub claims the wanted position by itself, and nothing moves.
    Claimed = "position made up by the hub";
    /// The bolt gets stuck on its way.
    Jam = "jam";
    /// Something blocks the bolt; it goes back.
    Blocked = "obstruction";
    /// The motor takes longer than its driver thinks.
    SlowMotor = "motor slower than settled";
    /// The bolt moves after the attempt's deadline.
    VerySlowMotor = "movement after the deadline";
    /// The hub sends the command again 13 s later, by itself.
    Resent = "command sent again by the hub after 13 s";
    /// After the acknowledgement the hub repeats the old position.
    StaleAfterAck = "old position told after the acknowledgement";
    /// The bolt moves; nothing is heard of it.
    Vanished = "moved in silence";
    /// The command is lost on its way.
    Lost = "command lost";
    /// The bolt moves and comes back at once, and what is said of it may be an old report said again.
    CameBack = "moved and came back";
    /// The lock says that it does not know where its bolt is.
    Unsure = "position unknown to the lock";
    /// The next connection is greeted with an old position as if it were new.
    StaleGreeting = "old position told at the connection";
    /// A hand turns the bolt to the wanted position just before the command.
    HandBefore = "turned by hand before";
    /// A hand turns the bolt while the command is on its way.
    HandBetween = "turned by hand meanwhile";
    /// A hand turns the bolt back right after.
    HandAfter = "turned back by hand";
    /// A hand turns the bolt twice.
    HandTwice = "turned by hand twice";
    /// A hand turns the bolt to and fro for a while.
    HandRestless = "turned by hand again and again";
    /// Somebody types a code meanwhile.
    Keypad = "unlocked by code meanwhile";
    /// The lock locks itself meanwhile.
    Relock = "locked itself meanwhile";
    /// The lock cannot be reached for a while, and its hub says so.
    Unreachable = "lock out of reach";
    /// A hub between ours and the lock cannot be reached for a while.
    OwnHubUnreachable = "lock's own hub out of reach";
    /// The hub is not sure whether the lock can be reached.
    WorthATry = "lock worth a try";
    /// The connection to the hub is lost and comes back.
    SessionLost = "hub connection lost";
    /// The connection to the hub is lost for longer than a deadline.
    HubDown = "hub down";
    /// The next connection to the hub hangs.
    ConnectHangs = "hub connection hangs";
    /// The hub refuses the login for a while.
    LoginRefused = "login refused";
    /// The connection stands, and nothing passes for a while.
    Silence = "hub silent";
    /// The driver never hands the command over.
    DriverHangs = "driver hangs before writing";
    /// The driver writes and never returns.
    DriverHangsAfter = "driver hangs after writing";
    /// The driver takes its time before it writes.
    DriverSlow = "driver slow";
    /// The driver takes its time, and the lock is called out of reach meanwhile.
    DriverSlowLockLost = "driver slow, lock out of reach meanwhile";
    /// The driver cannot write the command.
    DriverRejects = "driver rejects";
    /// The driver panics.
    DriverPanics = "driver panics";
    /// The report is lost and reads fail.
    ReadFails = "report lost, read fails";
    /// The report is lost and reads get no answer.
    ReadNever = "report lost, read unanswered";
    /// The report is lost and reads are answered late.
    ReadLate = "report lost, read late";
    /// The report is lost and the driver hangs with the read.
    ReadHangs = "report lost, read hangs";
    /// One commit fails.
    DiskFailsOnce = "one commit fails";
    /// Every commit fails for a while.
    DiskFails = "disk fails";
    /// Commits take long for a while.
    DiskSlow = "disk slow";
    /// The write queue is full for a moment.
    DiskBusy = "write queue full";
    /// The server crashes some steps later.
    CrashSoon = "crash within steps";
    /// The server crashes some seconds later.
    CrashLater = "crash within seconds";
    /// The wall clock jumps forward, or the machine slept.
    ClockForward = "clock forward";
    /// The wall clock is set back.
    ClockBack = "clock back";
}
