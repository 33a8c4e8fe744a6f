//! `signalbox migrate`: creates what is needed at broker and store; safe to repeat.

use crate::context::Context;
use crate::failure::Failure;
use crate::output::line;
use crate::services::external;

pub async fn run(context: &Context) -> Result<(), Failure> {
    let config = context.config();
    if config.redis.url.is_empty() && config.amqp.url.is_empty() {
        line(
            "Nothing to migrate: neither redis.url nor amqp.url is set, and `serve` makes the data folder by itself.",
        );
        return Ok(());
    }
    for done in external::migrate(config).await? {
        line(&done);
    }
    line("done: roles can start");
    Ok(())
}
