//! Why an attempt ended as it did: who may see how much of it, and its form.

use std::time::Duration;

use jiff::Timestamp;
use thumbturn_api::evidence::{
    ActionAttemptEvidence, EvidenceHow, EvidenceSaid, EvidenceStage, EvidenceStageName, GetActionAttemptEvidence,
};
use thumbturn_core::attempts::Attempt;
use thumbturn_core::evidence::{Evidence, Manner, Stage, Step};
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::Said;

use super::action_attempts::not_found;
use super::call::{Call, Caller};
use super::errors::Outcome;
use super::to_wire;
use crate::app::App;

/// `/thumbturn/action_attempts/evidence`
pub(crate) async fn get(app: App, call: Call, params: GetActionAttemptEvidence) -> Outcome<ActionAttemptEvidence> {
    let id = params.action_attempt_id;
    let found = app.store().attempt_evidence(&call.caller.scope()?, id.0.into()).await?;
    let (attempt, evidence) = found.ok_or_else(|| not_found(id))?;
    // The guest at a door has no business with what a hub says of its network.
    let shows_words = matches!(call.caller, Caller::Workspace { .. });
    Ok(form(&attempt, evidence.unwrap_or_default(), shows_words))
}

fn form(attempt: &Attempt, evidence: Evidence, shows_words: bool) -> ActionAttemptEvidence {
    let shown = to_wire::action_attempt(attempt);
    let accepted = plain(EvidenceStageName::Accepted, attempt.created_at, Duration::ZERO);
    let stages = evidence.stages.iter().map(|kept| stage(attempt.created_at, kept));
    ActionAttemptEvidence {
        action_attempt_id: shown.action_attempt_id,
        action_type: shown.action_type,
        status: shown.status,
        device_id: attempt.device.map(|device| device.0.into()),
        stages: std::iter::once(accepted).chain(stages).collect(),
        stages_left_out: evidence.left_out,
        raw_message: evidence.words.filter(|_| shows_words).map(|words| words.as_str().to_owned()),
    }
}

fn plain(stage: EvidenceStageName, accepted: Timestamp, after: Duration) -> EvidenceStage {
    let since = jiff::SignedDuration::try_from(after).unwrap_or(jiff::SignedDuration::MAX);
    let at = accepted.checked_add(since).unwrap_or(Timestamp::MAX).into();
    // Microseconds are what is kept.
    let after_ms = after.as_micros() as f64 / 1000.0;
    EvidenceStage { stage, at, after_ms, said: None, how: None, method: None, slot: None, decided_by: None }
}

fn stage(accepted: Timestamp, kept: &Stage) -> EvidenceStage {
    use EvidenceStageName as Name;
    let plain = |name| plain(name, accepted, kept.after);
    match kept.step {
        Step::TurnCame => plain(Name::TurnCame),
        Step::Written => plain(Name::Written),
        Step::Acknowledged => plain(Name::Acknowledged),
        Step::NotAcknowledged => plain(Name::NotAcknowledged),
        Step::Refused => plain(Name::Refused),
        Step::ReadAsked => plain(Name::ReadAsked),
        Step::ReadFailed => plain(Name::ReadFailed),
        Step::LinkLost => plain(Name::LinkLost),
        Step::LinkBack => plain(Name::LinkBack),
        Step::Restarted => plain(Name::Restarted),
        Step::Ended(rule) => EvidenceStage { decided_by: Some(rule.as_str().to_owned()), ..plain(Name::Ended) },
        Step::Reported { said: what, manner } => reported(plain(Name::Reported), what, manner),
    }
}

fn reported(stage: EvidenceStage, what: Said, manner: Manner) -> EvidenceStage {
    let how = match manner {
        Manner::Untagged => EvidenceHow::Untagged,
        Manner::Tagged(..) => EvidenceHow::Tagged,
        Manner::Read => EvidenceHow::Read,
        Manner::Remembered => EvidenceHow::Remembered,
        Manner::Assumed => EvidenceHow::Assumed,
    };
    let (method, slot) = match manner {
        Manner::Tagged(method, slot) => (Some(method.as_str().to_owned()), slot),
        _ => (None, None),
    };
    EvidenceStage { said: Some(said(what)), how: Some(how), method, slot, ..stage }
}

const fn said(said: Said) -> EvidenceSaid {
    match said {
        Said::At(Bolt::Locked) => EvidenceSaid::Locked,
        Said::At(Bolt::Unlocked) => EvidenceSaid::Unlocked,
        Said::Jammed => EvidenceSaid::Jammed,
        Said::Obstructed => EvidenceSaid::Obstructed,
        Said::Unsure => EvidenceSaid::Unsure,
    }
}
