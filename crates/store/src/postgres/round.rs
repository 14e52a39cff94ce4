//! A batch in one round: where every change consists of what is written often, everything goes out at once, with the commit
//! behind it. That is what an unlock is made of.
//!
//! Nobody looks at an answer before the commit is on its way, so the statements look for themselves. One that must touch a
//! row for each of its changes divides by zero where it did not, and the commit behind it takes everything back; the changes
//! are tried one by one then. One whose changes consist of nothing else says which rows it touched, and the others alone are
//! refused. The clock of events is taken in the statement that writes them, the last before the commit: its row is held for
//! no way to this process and back.

use std::collections::HashSet;
use std::error::Error as StdError;

use bytes::BytesMut;
use futures::TryStreamExt as _;
use thumbturn_core::ports::CommitError;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Statement as Prepared};

use super::batch::{Batch, LONGEST, Trouble, fit, in_order};
use super::connect::Link;
use super::execute::{Bound, Failure, Fault, bind};
use super::many::{self, Form, Group};
use super::news;
use crate::attempts;
use crate::statement::{Statement, Value};
use crate::writer::{Answer, Waiting};

/// Says which batch of which writer this is, as the mark of `super::batch`; divides by zero if the writer was ended.
const MARK: &str = "WITH marked AS (UPDATE writers SET batch = $2, \
     lease_until = CASE WHEN lease_until IS NOT NULL THEN clock_timestamp() + interval '5 s' END \
     WHERE id = $1 AND NOT ended RETURNING 1) SELECT 1 / COUNT(*)::INT FROM marked";

/// Which of these attempts are there, and who has taken them.
const FOUND: &str = "SELECT id, taken_by FROM attempts WHERE id = ANY ($1)";

/// How a round went.
pub(super) enum Round {
    /// It is committed.
    Done(Vec<Answer>),
    /// Nothing of it is: the only change of the batch is the reason.
    Refused(CommitError),
    /// Nothing of it is, and who is the reason is found out one by one.
    TakenBack,
}

/// Statements of one text, as one over lists or the only one.
struct Part<'a> {
    prepared: Prepared,
    form: Form,
    conflict: &'static str,
    rows: Vec<&'a [Value]>,
    whose: Vec<usize>,
}

/// What goes into a statement.
#[derive(Debug)]
enum Param<'a> {
    One(Bound<'a>),
    List(Vec<Bound<'a>>),
}

impl ToSql for Param<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Self::One(bound) => bound.to_sql(kind, out),
            Self::List(list) => list.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl Batch<'_> {
    /// Commits all changes in one round, each all or nothing.
    pub(super) async fn in_one_round(&mut self, groups: Vec<Group<'_>>) -> Result<Round, Trouble> {
        let mut parts = Vec::with_capacity(groups.len());
        for group in groups {
            match self.part(group).await {
                Ok(part) => parts.push(part),
                // Nothing was sent yet, and the other way finds out whose fault it is.
                Err(Failure::Conflict(_) | Failure::Refused(_)) => return Ok(Round::TakenBack),
                Err(Failure::Again(fault)) => return Err(Trouble::Again(fault)),
                Err(Failure::Lost(fault)) => return Err(Trouble::Lost(fault)),
            }
        }
        let [begin, mark, notify, commit] = self.prepared(["BEGIN", MARK, news::NOTIFY, "COMMIT"]).await?;
        let client = &self.link.client;
        let (marked, news) = ([self.writer.clone(), self.number.clone()], self.news());
        let sent = [ask(client, &begin, Vec::new()), ask(client, &mark, ones(&marked))].into_iter();
        let sent = sent.chain(news.iter().map(|news| ask(client, &notify, ones(news))));
        let framed = 2 + news.len();
        // What others wait for comes last.
        let (events, changes): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.form == Form::Events);
        let parts: Vec<&Part<'_>> = changes.into_iter().chain(events).collect();
        let clock = clock_of(&parts, self.now);
        let sent = sent.chain(parts.iter().map(|part| ask(client, &part.prepared, part.params(&clock))));
        let sent = sent.chain([ask(client, &commit, Vec::new())]);
        let Ok(mut answers) = timeout(LONGEST, in_order(sent)).await else {
            return Err(Trouble::Unsure(None, Fault::Silent));
        };
        let committed = answers.pop();
        if let Some(at) = answers.iter().position(Result::is_err) {
            let error = answers.swap_remove(at).err();
            let conflict = at.checked_sub(framed).and_then(|at| parts.get(at)).map(|part| part.conflict);
            return error.map_or(Ok(Round::TakenBack), |error| self.taken_back(error, at == 1, conflict));
        }
        if let Some(Err(error)) = committed {
            return Err(Trouble::Unsure(None, error.into()));
        }
        let touched = answers.into_iter().flatten().skip(framed);
        Ok(Round::Done(answered(self.waiting.len(), &parts, touched)))
    }

    async fn prepared<const N: usize>(&mut self, texts: [&str; N]) -> Result<[Prepared; N], Trouble> {
        let mut prepared = Vec::with_capacity(N);
        for text in texts {
            prepared.push(self.link.prepare(text).await?);
        }
        prepared.try_into().map_err(|_| Trouble::Lost(Fault::Silent))
    }

    async fn part<'b>(&mut self, group: Group<'b>) -> Result<Part<'b>, Failure> {
        let single = self.link.prepare(group.sql).await?;
        let unfit = Failure::Refused(Fault::Unfit(group.sql));
        if !group.members.iter().all(|(_, statement)| fit(&statement.args, &single)) {
            return Err(unfit);
        }
        let form = many::form(&group, self.waiting);
        let (prepared, conflict) = match form.text(group.sql, single.params()) {
            Some(text) => (self.link.prepare(&text).await?, many::conflict(&group)),
            None if form == Form::Alone => (single, many::conflict(&group)),
            None => return Err(unfit),
        };
        let (whose, rows) = group.members.iter().map(|(change, statement)| (*change, &*statement.args)).unzip();
        Ok(Part { prepared, form, conflict, rows, whose })
    }

    /// What the error of one of the statements means: of the mark, or of changes that conflict under this name. The commit
    /// behind it has taken everything back.
    fn taken_back(&self, error: Error, is_mark: bool, conflict: Option<&'static str>) -> Result<Round, Trouble> {
        let is_told = error.as_db_error().is_some();
        let fell_short = error.code() == Some(&SqlState::DIVISION_BY_ZERO);
        let failure = match conflict {
            _ if fell_short && is_mark => return Err(Trouble::Fenced),
            Some(name) if fell_short => Failure::Conflict(name),
            _ => Failure::from(error),
        };
        match failure {
            Failure::Conflict(name) if self.waiting.len() == 1 => Ok(Round::Refused(CommitError::Conflict(name))),
            Failure::Conflict(_) | Failure::Refused(_) => Ok(Round::TakenBack),
            Failure::Again(fault) => Err(Trouble::Again(fault)),
            // Whoever says so has not come to the commit.
            Failure::Lost(fault) if is_told => Err(Trouble::Lost(fault)),
            Failure::Lost(fault) => Err(Trouble::Unsure(None, fault)),
        }
    }
}

/// The clock's values: no event is older than the first, and so many there are.
fn clock_of(parts: &[&Part<'_>], now: i64) -> [Value; 2] {
    let events: usize = parts.iter().filter(|part| part.form == Form::Events).map(|part| part.rows.len()).sum();
    [Value::Integer(now), Value::Integer(i64::try_from(events).unwrap_or(i64::MAX))]
}

fn ones(values: &[Value]) -> Vec<Param<'_>> {
    bind(values, 0).map(Param::One).collect()
}

impl<'a> Part<'a> {
    fn params(&self, clock: &'a [Value]) -> Vec<Param<'a>> {
        let first = self.rows.first().copied().unwrap_or_default();
        if self.form == Form::Alone {
            return ones(first);
        }
        let column = |at: usize| {
            let one = |values: &'a [Value]| Bound { value: &values[at], commit_time: 0 };
            Param::List(self.rows.iter().copied().map(one).collect())
        };
        let is_events = self.form == Form::Events;
        let lists = (0..first.len() - usize::from(is_events)).map(column);
        lists.chain(is_events.then(|| ones(clock)).into_iter().flatten()).collect()
    }
}

/// Asks, and gives the first column of the answer if that is text.
async fn ask(client: &Client, prepared: &Prepared, params: Vec<Param<'_>>) -> Result<Vec<String>, Error> {
    let rows = client.query_raw(prepared, params).await?;
    let is_text = prepared.columns().first().is_some_and(|column| *column.type_() == Type::TEXT);
    if is_text {
        rows.and_then(|row| async move { row.try_get(0) }).try_collect().await
    } else {
        rows.try_for_each(|_| async { Ok(()) }).await.map(|()| Vec::new())
    }
}

/// What becomes of each of `count` changes: those that a statement names one by one, and does not, are refused.
fn answered(count: usize, parts: &[&Part<'_>], touched: impl Iterator<Item = Vec<String>>) -> Vec<Answer> {
    let mut answers: Vec<Answer> = (0..count).map(|_| Ok(0)).collect();
    for (part, touched) in parts.iter().zip(touched) {
        let mut touched: HashSet<String> = touched.into_iter().collect();
        for (change, row) in part.whose.iter().zip(&part.rows) {
            let is_done = part.form != Form::Each || id_of(row).is_some_and(|id| touched.remove(id));
            match &mut answers[*change] {
                Ok(rows) if is_done => *rows += 1,
                answer => *answer = Err(CommitError::Conflict(part.conflict)),
            }
        }
    }
    answers
}

/// The id of the attempt that such a statement is about.
fn id_of(args: &[Value]) -> Option<&str> {
    match args.first() {
        Some(Value::Text(id)) => Some(id),
        _ => None,
    }
}

/// What became of the changes of a round that is in the database though its answer was lost.
pub(super) async fn found(link: &Link, waiting: &[Waiting]) -> Result<Vec<Answer>, Error> {
    let each = |waiting: &Waiting| many::only(&waiting.plan).filter(|one| many::is_each(one.sql)).cloned();
    let asked: Vec<Option<Statement>> = waiting.iter().map(each).collect();
    let ids: Vec<&str> = asked.iter().flatten().filter_map(|one| id_of(&one.args)).collect();
    let rows = link.client.query(FOUND, &[&ids]).await?;
    let there = rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?)));
    let there: HashSet<(String, Option<String>)> = there.collect::<Result<_, Error>>()?;
    let is_done = |one: &Statement| {
        there.iter().any(|(id, taken_by)| {
            let is_taker = || matches!((one.args.get(1), taken_by), (Some(Value::Text(by)), Some(is)) if **by == **is);
            Some(id.as_str()) == id_of(&one.args) && (one.sql != attempts::TAKE || is_taker())
        })
    };
    let answer = |(one, waiting): (&Option<Statement>, &Waiting)| match one {
        Some(one) if !is_done(one) => Err(CommitError::Conflict(many::conflict_of(one))),
        _ => Ok(waiting.plan.statements.len() as u64),
    };
    Ok(asked.iter().zip(waiting).map(answer).collect())
}
