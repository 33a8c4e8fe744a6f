//! `signalbox migrate`: sets up broker and store; safe to repeat.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::line;
use crate::services::external;

pub async fn run(context: &Context) -> Result<(), Failure> {
    let config = context.config();
    if config.redis.url.is_empty() && config.amqp.url.is_empty() {
        line(
            "Nothing to migrate: neither redis.url nor amqp.url is set, and `serve` creates the data folder itself.",
        );
        return Ok(());
    }
    for done in external::migrate(config, None).await? {
        line(&done);
    }
    line("Migration finished: roles can start.");
    Ok(())
}
