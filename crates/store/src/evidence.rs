//! The evidence of an attempt as a column: `;` between stages, each the microseconds since the acceptance and words of
//! a closed set, so that an operator can read it. The hub's own words lie sealed beside it.

use std::fmt::Write as _;
use std::time::Duration;

use thumbturn_core::attempts::Attempt;
use thumbturn_core::events::Method;
use thumbturn_core::evidence::{Evidence, Manner, Rule, Stage, Step, Words};
use thumbturn_core::ids::AttemptId;
use thumbturn_core::locks::Bolt;
use thumbturn_core::ports::{Said, StoreError};
use thumbturn_core::scope::Scope;

use crate::Store;
use crate::attempts::{self, AttemptFilter};
use crate::error::Corrupt;
use crate::secrets::{Sealed, Secrets};
use crate::statement::{Columns, Row};

/// Said of stages that were left out.
const LEFT_OUT: &str = "left_out";

/// The stages in words.
pub(crate) fn stages(evidence: &Evidence) -> String {
    let mut text = String::with_capacity(evidence.stages.len() * 24);
    for stage in &evidence.stages {
        if !text.is_empty() {
            text.push(';');
        }
        // Writing to a text does not fail.
        let _ = write!(text, "{} ", stage.after.as_micros());
        write_step(&mut text, stage.step);
    }
    if evidence.left_out > 0 {
        let _ = write!(text, ";{} {LEFT_OUT}", evidence.left_out);
    }
    text
}

fn write_step(text: &mut String, step: Step) {
    match step {
        Step::Reported { said, manner } => {
            text.push_str("reported ");
            text.push_str(said_word(said));
            text.push(' ');
            write_manner(text, manner);
        }
        Step::Ended(rule) => {
            text.push_str("ended ");
            text.push_str(rule.as_str());
        }
        plain => text.push_str(PLAIN.iter().find(|(step, _)| *step == plain).map_or("", |(_, word)| word)),
    }
}

/// The steps that are a single word.
const PLAIN: [(Step, &str); 10] = [
    (Step::TurnCame, "turn_came"),
    (Step::Written, "written"),
    (Step::Acknowledged, "acknowledged"),
    (Step::NotAcknowledged, "not_acknowledged"),
    (Step::Refused, "refused"),
    (Step::ReadAsked, "read_asked"),
    (Step::ReadFailed, "read_failed"),
    (Step::LinkLost, "link_lost"),
    (Step::LinkBack, "link_back"),
    (Step::Restarted, "restarted"),
];

const fn said_word(said: Said) -> &'static str {
    match said {
        Said::At(Bolt::Locked) => "locked",
        Said::At(Bolt::Unlocked) => "unlocked",
        Said::Jammed => "jammed",
        Said::Obstructed => "obstructed",
        Said::Unsure => "unsure",
    }
}

fn write_manner(text: &mut String, manner: Manner) {
    match manner {
        Manner::Untagged => text.push_str("untagged"),
        Manner::Read => text.push_str("read"),
        Manner::Remembered => text.push_str("remembered"),
        Manner::Assumed => text.push_str("assumed"),
        Manner::Tagged(method, slot) => {
            text.push_str("tagged ");
            text.push_str(method.as_str());
            if let Some(slot) = slot {
                let _ = write!(text, " {slot}");
            }
        }
    }
}

/// What [`stages`] wrote.
fn parse(text: &str) -> Result<Evidence, Corrupt> {
    let mut evidence = Evidence::default();
    for entry in text.split(';') {
        let unreadable = || Corrupt::new(format!("not a stage: {entry:?}"));
        let (number, what) = entry.split_once(' ').ok_or_else(unreadable)?;
        if what == LEFT_OUT {
            evidence.left_out = number.parse().map_err(|_| unreadable())?;
            continue;
        }
        let after = Duration::from_micros(number.parse().map_err(|_| unreadable())?);
        evidence.stages.push(Stage { after, step: parse_step(what).ok_or_else(unreadable)? });
    }
    Ok(evidence)
}

fn parse_step(text: &str) -> Option<Step> {
    let mut words = text.split(' ');
    match words.next()? {
        "reported" => {
            let said = parse_said(words.next()?)?;
            Some(Step::Reported { said, manner: parse_manner(words)? })
        }
        "ended" => Some(Step::Ended(Rule::from_word(words.next()?)?)),
        plain => PLAIN.iter().find(|(_, word)| *word == plain).map(|(step, _)| *step),
    }
}

fn parse_said(word: &str) -> Option<Said> {
    let all = [Said::At(Bolt::Locked), Said::At(Bolt::Unlocked), Said::Jammed, Said::Obstructed, Said::Unsure];
    all.into_iter().find(|said| said_word(*said) == word)
}

fn parse_manner<'a>(mut words: impl Iterator<Item = &'a str>) -> Option<Manner> {
    Some(match words.next()? {
        "untagged" => Manner::Untagged,
        "read" => Manner::Read,
        "remembered" => Manner::Remembered,
        "assumed" => Manner::Assumed,
        "tagged" => {
            let method = Method::from_word(words.next()?)?;
            Manner::Tagged(method, words.next().map(str::parse).transpose().ok()?)
        }
        _ => return None,
    })
}

/// The hub's words, sealed for the row of their attempt.
pub(crate) fn seal(evidence: &Evidence, attempt: AttemptId, secrets: &Secrets) -> Result<Option<String>, StoreError> {
    let words = evidence.words.as_ref();
    words.map(|words| secrets.seal(Sealed::EvidenceWords, attempt.0, words.as_str())).transpose()
}

struct Kept {
    attempt: Attempt,
    evidence: Option<Evidence>,
    sealed: Option<String>,
}

fn map(row: &dyn Row) -> Result<Kept, Corrupt> {
    let row = &mut Columns::of(row);
    let (evidence, sealed) = (row.opt_str()?.map(parse).transpose()?, row.opt_text()?);
    Ok(Kept { attempt: attempts::columns(row)?, evidence, sealed })
}

impl Store {
    /// One attempt with what is kept of it: `None` while it is pending, and of what ended before evidence was kept. A
    /// session sees only those on its devices.
    ///
    /// # Errors
    /// If the database cannot be read, or the words not be opened.
    pub async fn attempt_evidence(
        &self,
        scope: &Scope,
        id: AttemptId,
    ) -> Result<Option<(Attempt, Option<Evidence>)>, StoreError> {
        let filter = AttemptFilter { ids: Some(vec![id]), device: None };
        let index = self.readers().device_index();
        let query = attempts::list(scope, &filter, None, 1, "evidence, words, ", index).query(map);
        let Some(kept) = self.readers().first(query).await? else { return Ok(None) };
        let open = |sealed: String| self.secrets().open(Sealed::EvidenceWords, id.0, &sealed);
        let words = kept.sealed.map(open).transpose()?.map(|words| Words::heard(&words));
        Ok(Some((kept.attempt, kept.evidence.map(|evidence| Evidence { words, ..evidence }))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_read_as_it_was_written() {
        let saids = [Said::At(Bolt::Locked), Said::At(Bolt::Unlocked), Said::Jammed, Said::Obstructed, Said::Unsure];
        let mut manners = vec![Manner::Untagged, Manner::Read, Manner::Remembered, Manner::Assumed];
        for method in Method::ALL {
            manners.extend([Manner::Tagged(method, None), Manner::Tagged(method, Some(7))]);
        }
        let mut steps: Vec<Step> = PLAIN.iter().map(|(step, _)| *step).collect();
        for said in saids {
            steps.extend(manners.iter().map(|manner| Step::Reported { said, manner: *manner }));
        }
        steps.extend(Rule::ALL.iter().map(|rule| Step::Ended(*rule)));
        let stage = |(n, step)| Stage { after: Duration::from_micros(n), step };
        let evidence = Evidence { stages: (0..).zip(steps).map(stage).collect(), left_out: 3, words: None };
        assert_eq!(parse(&stages(&evidence)).unwrap(), evidence);
    }

    #[test]
    fn what_is_no_stage_is_corrupt() {
        for text in ["", "1", "x written", "1 dreamt", "1 reported locked", "1 reported locked tagged", "1 ended so"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }
}
