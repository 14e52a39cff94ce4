//! One batch of changes in one transaction: in one round ([`super::round`]) if they are all of what is written often.
//!
//! Otherwise in two. Everything goes out without waiting for answers in between: the changes' statements first, then the
//! events with the commit. Events come last because their transaction holds the row of `event_clock` from then on: what is
//! written under that lock has its place in the order of commits, on however many nodes, and the others wait for no more than
//! the commit itself. (A sequence alone does not give that order: a transaction that took a smaller number may commit later.)

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use thumbturn_core::ports::CommitError;
use tokio::time::timeout;
use tokio_postgres::types::Type;
use tokio_postgres::{Error, Statement as Prepared};

use super::connect::Link;
use super::execute::{Failure, Fault, bind};
use super::round::Round;
use super::{many, news};
use crate::error::unavailable;
use crate::statement::{Expect, Statement, Value};
use crate::writer::{Answer, Plan, Waiting};

/// How long the database may take for one round of answers.
pub(super) const LONGEST: Duration = Duration::from_secs(30);

/// Says in the transaction which batch of which writer it is (see `writers` in the schema), and puts the end of a node's
/// lease off. Of a writer that was ended nothing is written: it touches no row then. While the transaction is open nobody can
/// end it.
const MARK: &str = "UPDATE writers SET batch = $2, \
     lease_until = CASE WHEN lease_until IS NOT NULL THEN clock_timestamp() + interval '5 s' END \
     WHERE id = $1 AND NOT ended";

/// Takes `$2` times for events from the common clock, none before `$1`, and gives the last of them. Whoever asks next
/// waits for the commit.
const TICK: &str = "UPDATE event_clock SET last_event = GREATEST(last_event + 1, $1) + $2 - 1 RETURNING last_event";

/// Why a batch is not known to be committed.
pub(super) enum Trouble {
    /// It is not, and trying again helps.
    Again(Fault),
    /// It is not, and the connection is gone.
    Lost(Fault),
    /// It is not: the database refuses.
    Refused(Fault),
    /// It is not: this writer was ended.
    Fenced,
    /// Nobody knows: the connection was lost in the commit. These are the answers if it is; without them the rows say.
    Unsure(Option<Vec<Answer>>, Fault),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match Failure::from(error) {
            Failure::Lost(fault) => Self::Lost(fault),
            Failure::Again(fault) => Self::Again(fault),
            Failure::Refused(fault) => Self::Refused(fault),
            // Only changes break constraints, and their failures are looked at one by one.
            Failure::Conflict(_) => Self::Refused(Fault::Silent),
        }
    }
}

/// A batch on its way.
pub(super) struct Batch<'a> {
    pub(super) link: &'a mut Link,
    pub(super) waiting: &'a [Waiting],
    pub(super) writer: &'a Value,
    /// The number of this try.
    pub(super) number: Value,
    /// No event is older than this, in microseconds.
    pub(super) now: i64,
    /// Whether nobody else keeps what is cached.
    pub(super) is_alone: bool,
}

/// A statement ready to be sent.
struct Step<'a> {
    prepared: Prepared,
    args: &'a [Value],
    commit_time: i64,
    expect: Expect,
}

/// Statements of one text, ready to be sent as one.
struct Many<'a> {
    prepared: Prepared,
    /// Whether they go out as one over lists; otherwise there is but one.
    is_list: bool,
    rows: Vec<(&'a [Value], i64)>,
    /// Whose they are, and what each must have done.
    whose: Vec<(usize, Expect)>,
}

/// The statements of our own around those of the changes.
struct Frame {
    begin: Prepared,
    mark: Prepared,
    tick: Prepared,
    notify: Prepared,
    commit: Prepared,
    rollback: Prepared,
}

fn is_event(statement: &Statement) -> bool {
    statement.args.iter().any(|value| matches!(value, Value::CommitTime))
}

/// Whether the plan must see the events of those before it.
fn counts_on_events(plan: &Plan) -> bool {
    plan.statements.iter().any(|statement| statement.sql.starts_with("DELETE FROM events"))
}

fn told(prepared: &Prepared) -> Step<'_> {
    Step { prepared: prepared.clone(), args: &[], commit_time: 0, expect: Expect::Any }
}

impl Batch<'_> {
    /// Commits all changes, each all or nothing, and says what became of each.
    pub(super) async fn commit(mut self) -> Result<Vec<Answer>, Trouble> {
        if let Some(groups) = many::for_one_round(self.waiting) {
            match self.in_one_round(groups).await? {
                Round::Done(answers) => return Ok(answers),
                Round::Refused(error) => return Ok(vec![Err(error)]),
                Round::TakenBack => {
                    let frame = self.frame().await?;
                    return self.one_by_one(&frame).await;
                }
            }
        }
        let frame = self.frame().await?;
        if !self.waiting.iter().any(|waiting| counts_on_events(&waiting.plan)) {
            match self.together(&frame).await? {
                Ok(rows) => return Ok(rows.into_iter().map(Ok).collect()),
                Err(failure) => {
                    self.answers(vec![told(&frame.rollback)]).await?;
                    if self.waiting.len() == 1 {
                        return Ok(vec![Err(failure)]);
                    }
                }
            }
        }
        self.one_by_one(&frame).await
    }

    /// A statement with its prepared form. Its values fit, so that it will not be left out on its way.
    async fn ready<'b>(&mut self, statement: &'b Statement, commit_time: i64) -> Result<Step<'b>, Failure> {
        let prepared = self.link.prepare(statement.sql).await?;
        if !fit(&statement.args, &prepared) {
            return Err(Failure::Refused(Fault::Unfit(statement.sql)));
        }
        Ok(Step { prepared, args: &statement.args, commit_time, expect: statement.expect })
    }

    /// The statements of a group, as one over lists where they have such a form; one alone goes out as it is.
    async fn all_ready<'b>(&mut self, group: &many::Group<'b>) -> Result<Vec<Many<'b>>, Failure> {
        let mut ready: Vec<Many<'b>> = Vec::with_capacity(1);
        for (change, statement) in &group.members {
            let Step { prepared, args, expect, .. } = self.ready(statement, 0).await?;
            match ready.first_mut() {
                Some(first) => {
                    first.rows.push((args, 0));
                    first.whose.push((*change, expect));
                }
                None => {
                    let (rows, whose) = (vec![(args, 0)], vec![(*change, expect)]);
                    ready.push(Many { prepared, is_list: false, rows, whose });
                }
            }
        }
        if let Some(first) = ready.first_mut().filter(|first| first.rows.len() > 1) {
            let text = many::over_lists(group.sql, first.prepared.params());
            let text = text.ok_or(Failure::Refused(Fault::Unfit(group.sql)))?;
            (first.prepared, first.is_list) = (self.link.prepare(&text).await?, true);
        }
        Ok(ready)
    }

    async fn frame(&mut self) -> Result<Frame, Trouble> {
        Ok(Frame {
            begin: self.link.prepare("BEGIN").await?,
            mark: self.link.prepare(MARK).await?,
            tick: self.link.prepare(TICK).await?,
            notify: self.link.prepare(news::NOTIFY).await?,
            commit: self.link.prepare("COMMIT").await?,
            rollback: self.link.prepare("ROLLBACK").await?,
        })
    }

    /// Applies all changes, if none fails; otherwise says why the first one did, with the transaction still open.
    async fn together(&mut self, frame: &Frame) -> Result<Result<Vec<u64>, CommitError>, Trouble> {
        let waiting = self.waiting;
        let (writer, number) = (self.writer.clone(), self.number.clone());
        let mark = [writer, number];
        let opening = vec![told(&frame.begin), Step { args: &mark, ..told(&frame.mark) }];
        let (mut changes, mut events) = (Vec::new(), Vec::new());
        for group in many::groups(waiting) {
            let is_events = group.members.iter().any(|(_, statement)| is_event(statement));
            match self.all_ready(&group).await {
                Ok(ready) if is_events => events.extend(ready),
                Ok(ready) => changes.extend(ready),
                // Nothing was sent yet. Alone it fails alone.
                Err(failure) => return failed(failure).map(Err),
            }
        }
        let count = waiting_events(waiting);
        let first = self.now_for(count);
        let news = self.news();
        let news = news.iter().map(|news| Step { args: news, ..told(&frame.notify) }).collect();
        let sent = self.steps(opening).chain(self.many(&changes)).chain(self.steps(news));
        let (done, last) = self.answers_and_tick(sent, frame, first, count).await?;
        if is_fenced(&done) {
            self.answers(vec![told(&frame.rollback)]).await?;
            return Err(Trouble::Fenced);
        }
        let rows = match sum_up(waiting.len(), &changes, done) {
            Ok(rows) => rows,
            Err(failure) => return failed(failure).map(Err),
        };
        let times = times(last, count);
        for ((_, time), at) in events.iter_mut().flat_map(|event| &mut event.rows).zip(times) {
            *time = at;
        }
        self.close(frame, &events, rows).await
    }

    /// The last round: the events, and the commit behind them.
    async fn close(
        &mut self,
        frame: &Frame,
        events: &[Many<'_>],
        rows: Vec<u64>,
    ) -> Result<Result<Vec<u64>, CommitError>, Trouble> {
        let unsure = |fault| Trouble::Unsure(Some(rows.iter().copied().map(Ok).collect()), fault);
        let sent = self.many(events).chain(self.steps(vec![told(&frame.commit)]));
        let mut answers = match timeout(LONGEST, in_order(sent)).await {
            Ok(answers) => answers,
            Err(_) => return Err(unsure(Fault::Silent)),
        };
        let committed = answers.pop();
        for answer in answers {
            match answer.map_err(Failure::from) {
                Ok(_) => {}
                Err(Failure::Lost(fault)) => return Err(unsure(fault)),
                // Behind a statement that failed, a commit takes everything back.
                Err(failure) => return failed(failure).map(Err),
            }
        }
        if let Some(Err(error)) = committed {
            return Err(unsure(error.into()));
        }
        // An event is a row that an answer counts, as on SQLite.
        Ok(Ok(rows.iter().zip(self.waiting).map(|(rows, waiting)| rows + events_of(&waiting.plan)).collect()))
    }

    /// Applies each change with a savepoint of its own.
    async fn one_by_one(&mut self, frame: &Frame) -> Result<Vec<Answer>, Trouble> {
        let waiting = self.waiting;
        let savepoint = self.link.prepare("SAVEPOINT change").await?;
        let release = self.link.prepare("RELEASE change").await?;
        let back = self.link.prepare("ROLLBACK TO change").await?;
        let mark = [self.writer.clone(), self.number.clone()];
        let news = self.news();
        let mut opening = vec![told(&frame.begin), Step { args: &mark, ..told(&frame.mark) }];
        opening.extend(news.iter().map(|news| Step { args: news, ..told(&frame.notify) }));
        let count = waiting_events(waiting);
        let first = self.now_for(count);
        let (done, last) = self.answers_and_tick(self.steps(opening), frame, first, count).await?;
        if is_fenced(&done) {
            self.answers(vec![told(&frame.rollback)]).await?;
            return Err(Trouble::Fenced);
        }
        for answer in done {
            answer?;
        }
        let mut times = times(last, count);
        let mut answers: Vec<Answer> = Vec::with_capacity(waiting.len());
        // What ends the change before goes out with the next one.
        let mut before: Vec<Step<'_>> = Vec::new();
        for Waiting { plan, .. } in waiting {
            let mut steps = std::mem::take(&mut before);
            steps.push(told(&savepoint));
            let mut unready = None;
            for statement in &plan.statements {
                let commit_time = if is_event(statement) { times.next().unwrap_or(last) } else { 0 };
                match self.ready(statement, commit_time).await {
                    Ok(step) => steps.push(step),
                    Err(failure) => unready = Some(failure),
                }
            }
            let expects: Vec<Expect> = steps.iter().map(|step| step.expect).collect();
            let done = self.answers(steps).await?;
            let counted = match unready {
                Some(failure) => Err(failure),
                None => sum(expects.into_iter().zip(done)),
            };
            match counted {
                Ok(rows) => answers.push(Ok(rows)),
                Err(failure) => {
                    answers.push(Err(failed(failure)?));
                    before.push(told(&back));
                }
            }
            before.push(told(&release));
        }
        all(self.answers(before).await?)?;
        match timeout(LONGEST, self.send(vec![told(&frame.commit)])).await {
            Err(_) => Err(Trouble::Unsure(Some(answers), Fault::Silent)),
            Ok(done) => match done.into_iter().collect::<Result<Vec<_>, _>>() {
                Ok(_) => Ok(answers),
                Err(error) => Err(Trouble::Unsure(Some(answers), error.into())),
            },
        }
    }

    /// What other processes are told, if the batch is committed: channels and texts.
    pub(super) fn news(&self) -> Vec<[Value; 2]> {
        let Value::Text(writer) = self.writer else { return Vec::new() };
        let told = news::told((!self.is_alone).then_some(&**writer), self.waiting.iter().map(|waiting| &waiting.plan));
        told.into_iter().map(|told| told.map(Value::from)).collect()
    }

    fn now_for(&self, events: usize) -> [Value; 2] {
        [Value::Integer(self.now), Value::Integer(i64::try_from(events).unwrap_or(i64::MAX))]
    }

    /// Sends the steps and, if there are events, takes their times behind them: gives the last one.
    async fn answers_and_tick<'b>(
        &'b self,
        steps: impl Iterator<Item = Sending<'b>>,
        frame: &'b Frame,
        tick: [Value; 2],
        events: usize,
    ) -> Result<(Vec<Result<u64, Error>>, i64), Trouble> {
        if events == 0 {
            let answers = timeout(LONGEST, in_order(steps)).await.map_err(|_| Trouble::Lost(Fault::Silent))?;
            return Ok((answers, 0));
        }
        let sent = steps.map(|step| -> Sent<'_> { Box::pin(async move { Ok((step.await?, 0)) }) });
        let last: Sent<'_> = Box::pin(async {
            let params: Vec<_> = bind(&tick, 0).collect();
            let params: Vec<_> =
                params.iter().map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync)).collect();
            let row = self.link.client.query_one(&frame.tick, &params).await?;
            Ok((1, row.try_get(0)?))
        });
        let answers = in_order(sent.chain([last]));
        let mut answers = timeout(LONGEST, answers).await.map_err(|_| Trouble::Lost(Fault::Silent))?;
        // Behind a failure nothing is answered rightly, and the failure is what counts.
        let last = answers.pop().and_then(Result::ok).map_or(0, |(_, last)| last);
        let answers: Vec<_> = answers.into_iter().map(|answer| answer.map(|(rows, _)| rows)).collect();
        if last == 0 && answers.iter().all(Result::is_ok) {
            return Err(Trouble::Lost(Fault::Silent));
        }
        Ok((answers, last))
    }

    async fn answers(&self, steps: Vec<Step<'_>>) -> Result<Vec<Result<u64, Error>>, Trouble> {
        timeout(LONGEST, self.send(steps)).await.map_err(|_| Trouble::Lost(Fault::Silent))
    }

    async fn send(&self, steps: Vec<Step<'_>>) -> Vec<Result<u64, Error>> {
        in_order(self.steps(steps)).await
    }

    fn steps<'b>(&'b self, steps: Vec<Step<'b>>) -> impl Iterator<Item = Sending<'b>> {
        let client = &self.link.client;
        steps.into_iter().map(move |step| -> Sending<'b> {
            Box::pin(async move { client.execute_raw(&step.prepared, bind(step.args, step.commit_time)).await })
        })
    }

    fn many<'b>(&'b self, all: &'b [Many<'b>]) -> impl Iterator<Item = Sending<'b>> {
        let client = &self.link.client;
        all.iter().map(move |many| -> Sending<'b> {
            Box::pin(async move {
                match many.rows.first() {
                    Some((args, time)) if !many.is_list => client.execute_raw(&many.prepared, bind(args, *time)).await,
                    _ => client.execute_raw(&many.prepared, many::columns(&many.rows)).await,
                }
            })
        })
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<u64, Error>> + 'a>>;
type Sent<'a> = Pin<Box<dyn Future<Output = Result<(u64, i64), Error>> + 'a>>;

/// Starts all futures in order, then waits for all. The client library sends a request when its future is first polled.
pub(super) async fn in_order<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut outputs: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    let (mut are_sent, mut done) = (false, 0);
    poll_fn(|context| {
        let first = done;
        for at in first..futures.len() {
            if outputs[at].is_none() {
                match futures[at].as_mut().poll(context) {
                    Poll::Ready(output) => outputs[at] = Some(output),
                    // The answers come in order: behind one that has not come there is nothing to look for.
                    Poll::Pending if are_sent => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            if at == done && outputs[at].is_some() {
                done += 1;
            }
        }
        are_sent = true;
        if outputs.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    outputs.into_iter().flatten().collect()
}

fn events_of(plan: &Plan) -> u64 {
    plan.statements.iter().filter(|statement| is_event(statement)).count() as u64
}

pub(super) fn waiting_events(waiting: &[Waiting]) -> usize {
    waiting.iter().flat_map(|waiting| &waiting.plan.statements).filter(|statement| is_event(statement)).count()
}

/// The times of `count` events, of which the last has `last`.
fn times(last: i64, count: usize) -> impl Iterator<Item = i64> {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    last - count + 1..=last
}

/// Whether the second statement, which marks the batch, found that its writer was ended.
fn is_fenced(answers: &[Result<u64, Error>]) -> bool {
    matches!(answers, [Ok(_), Ok(0), ..])
}

/// The rows that each of `count` changes touched, or the first failure. The first two answers are to the frame.
fn sum_up(count: usize, changes: &[Many<'_>], answers: Vec<Result<u64, Error>>) -> Result<Vec<u64>, Failure> {
    let mut answers = answers.into_iter();
    for framed in answers.by_ref().take(2) {
        framed?;
    }
    let mut rows = vec![0; count];
    for (many, answer) in changes.iter().zip(answers) {
        let touched = answer?;
        if !many.is_list {
            for (change, expect) in &many.whose {
                rows[*change] += kept(*expect, touched)?;
            }
            continue;
        }
        // Each has a row of its own. If one is missing, nobody knows whose until they are tried one by one.
        if touched != many.whose.len() as u64 {
            let first = many.whose.iter().find_map(|(_, expect)| match expect {
                Expect::Rows(_, conflict) => Some(*conflict),
                Expect::Any => None,
            });
            return Err(Failure::Conflict(first.unwrap_or("row")));
        }
        many.whose.iter().for_each(|(change, _)| rows[*change] += 1);
    }
    Ok(rows)
}

/// So many rows, if that is what the statement must touch.
fn kept(expect: Expect, rows: u64) -> Result<u64, Failure> {
    match expect {
        Expect::Rows(expected, conflict) if rows != expected => Err(Failure::Conflict(conflict)),
        _ => Ok(rows),
    }
}

/// How many rows were touched, if each statement did what it must.
fn sum(answers: impl Iterator<Item = (Expect, Result<u64, Error>)>) -> Result<u64, Failure> {
    let mut total = 0;
    for (expect, answer) in answers {
        total += kept(expect, answer?)?;
    }
    Ok(total)
}

/// What a failure means for its change, if it is one of the change and not of the connection.
fn failed(failure: Failure) -> Result<CommitError, Trouble> {
    match failure {
        Failure::Conflict(name) => Ok(CommitError::Conflict(name)),
        Failure::Refused(fault) => Ok(CommitError::Store(unavailable(fault))),
        Failure::Again(fault) => Err(Trouble::Again(fault)),
        Failure::Lost(fault) => Err(Trouble::Lost(fault)),
    }
}

/// Whether these are values that the statement takes.
pub(super) fn fit(args: &[Value], prepared: &Prepared) -> bool {
    let kinds = prepared.params();
    let fits = |(value, kind): (&Value, &Type)| match value {
        Value::Null => true,
        Value::Integer(_) | Value::CommitTime => *kind == Type::INT8,
        Value::Real(_) => *kind == Type::FLOAT8,
        Value::Text(_) => *kind == Type::TEXT,
    };
    kinds.len() == args.len() && args.iter().zip(kinds).all(fits)
}

fn all(answers: Vec<Result<u64, Error>>) -> Result<(), Trouble> {
    for answer in answers {
        answer?;
    }
    Ok(())
}
