//! The work port on Redis: `claim`, `commit`, `finish`, `release`.

use super::calls::Operation;
use super::reply::{Reply, token, unexpected};
use super::store::Store;
use async_trait::async_trait;
use common::member::MemberId;
use common::ports::Work;
use common::ports::work::{
    Claim, ClaimRequest, Claimed, CommitOutcome, Control, Disposition, Row, Token, Transition, Wakeups,
};
use common::{Shard, StoreError};

#[async_trait]
impl Work for Store {
    async fn claim(
        &self,
        shard: Shard,
        worker: MemberId,
        nonce: u64,
        request: ClaimRequest,
    ) -> Result<Claimed, StoreError> {
        let mut call = Operation::new("claim").weight(request.max);
        call.arg(&token(worker, nonce)).arg(request.max).arg(u8::from(request.idle));
        let mut reply = self.list_of(shard, call).await?;
        if reply.text()? == "dead" {
            return Ok(Claimed::Dead);
        }
        let (now, suspects) = (reply.time()?, reply.number()?);
        let mut found = reply.nested()?;
        let token = Token { worker, nonce };
        let mut rows = Vec::with_capacity(found.rest());
        while found.rest() > 0 {
            match row(found.nested()?, shard, token) {
                Ok(row) => rows.push(row),
                // The other rows are worked on; this one becomes ready again when its claim is overdue.
                Err(error) => tracing::error!(%shard, %error, "A claimed activeflow cannot be read"),
            }
        }
        Ok(Claimed::Rows { now, rows, suspects })
    }

    async fn commit(
        &self,
        claim: &Claim,
        version: u64,
        transition: &Transition,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError> {
        let mut call = Operation::new("commit");
        call.arg(claim.id.as_bytes())
            .arg(&claim.token.to_bytes())
            .arg(version)
            .arg(&transition.body)
            .arg(transition.consumed)
            .arg(transition.journal.as_deref().unwrap_or_default())
            .arg(transition.control.as_ref().map(Control::to_bytes).unwrap_or_default())
            .arg(self.settings.feed_length)
            .arg(transition.early.count)
            .arg(transition.early.bytes)
            .arg(transition.messages.most)
            .arg(transition.messages.pairs.len());
        for (pair, number) in &transition.messages.pairs {
            call.arg(pair).arg(*number);
        }
        call.arg(transition.commands.len());
        for command in &transition.commands {
            call.arg(command);
        }
        put_after(&mut call, after, self.writes());
        outcome(self.list_of(claim.shard, call).await?)
    }

    async fn finish(
        &self,
        claim: &Claim,
        version: u64,
        unsettled: u32,
        after: &Disposition,
    ) -> Result<CommitOutcome, StoreError> {
        let mut call = Operation::new("finish");
        call.arg(claim.id.as_bytes())
            .arg(&claim.token.to_bytes())
            .arg(version)
            .arg(unsettled)
            .arg(self.settings.feed_length);
        put_after(&mut call, after, self.writes());
        outcome(self.list_of(claim.shard, call).await?)
    }

    async fn release(&self, claim: &Claim) -> Result<(), StoreError> {
        let mut call = Operation::new("release");
        call.arg(claim.id.as_bytes()).arg(&claim.token.to_bytes());
        self.call(claim.shard, call).await.map(|_| ())
    }

    fn written_format(&self) -> u8 {
        self.writes()
    }

    async fn listen_ready(&self) -> Box<dyn Wakeups> {
        self.wakeups.ready()
    }
}

fn put_after(call: &mut Operation, after: &Disposition, writes: u8) {
    match after {
        Disposition::KeepClaim => call.arg("k"),
        Disposition::Park { wait, until } => {
            call.arg("p").arg(*wait).arg(until.map(|time| time.as_micros()).unwrap_or_default())
        }
        Disposition::Pause => call.arg("z"),
        Disposition::Yield => call.arg("y"),
        Disposition::End { rest } => {
            call.arg("e").arg(rest.len());
            for entry in rest {
                call.arg(entry.bytes_in(writes));
            }
            call
        }
    };
}

fn row(mut reply: Reply, shard: Shard, token: Token) -> Result<Row, StoreError> {
    let id = reply.id()?;
    if reply.rest() == 1 {
        let what = format!("activeflow {id} cannot be read: {}", reply.text()?);
        return Err(StoreError::Corrupt { operation: "claim", what });
    }
    let record = reply.record()?;
    let trigger = reply.trigger()?;
    let control = reply.control()?;
    let inbox = reply.entries()?;
    let outbox = reply.list()?;
    Ok(Row { claim: Claim { id, shard, token }, record, trigger, inbox, outbox, control })
}

fn outcome(mut reply: Reply) -> Result<CommitOutcome, StoreError> {
    Ok(match reply.text()?.as_str() {
        "kept" => CommitOutcome::ClaimKept { version: reply.number()? },
        "released" => CommitOutcome::Released { version: reply.number()? },
        "more" => {
            let (version, control) = (reply.number()?, reply.control()?);
            CommitOutcome::More { version, inbox: reply.entries()?, control }
        }
        "limited" => {
            let mut left = reply.nested()?;
            let left = (0..left.rest()).map(|_| left.number().map(|left| left as u32));
            CommitOutcome::RateLimited { left: left.collect::<Result<_, _>>()? }
        }
        "fenced" => CommitOutcome::Fenced,
        other => return Err(unexpected("commit", &format!("an outcome, got `{other}`"))),
    })
}
