//! `signalbox demo`: everything in one process, with a simulated carrier.

use crate::config::HumanDuration;
use crate::context::Context;
use crate::demo::{self, Options};
use crate::failure::Failure;
use clap::Args;

#[derive(Args, Debug)]
#[command(
    after_help = "The data stays in data.dir (./signalbox-data), and the next demo continues with it. With --fresh nothing is kept.\n\
    Examples:\n  \
    signalbox demo\n  \
    signalbox demo --fresh --rate 20 --for 30s"
)]
pub struct DemoArgs {
    /// Calls, conversations and SIMs started per second
    #[arg(long, value_name = "N", default_value = "1.5", value_parser = super::simulate::positive)]
    rate: f64,
    /// End after this number; 0: at Ctrl-C
    #[arg(long, value_name = "N", default_value_t = 0)]
    count: u64,
    /// End after this time
    #[arg(long = "for", value_name = "DURATION")]
    duration: Option<HumanDuration>,
    /// Use a temporary data folder, which is removed at the end
    #[arg(long)]
    fresh: bool,
    /// Factor by which people speak and think faster; the timers of flows keep their length
    #[arg(long, value_name = "FACTOR", default_value = "4", value_parser = super::simulate::positive)]
    speed: f64,
    /// Seed of the random behavior [default: a new one each time]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

pub async fn run(args: DemoArgs, context: &Context) -> Result<(), Failure> {
    let DemoArgs { rate, count, duration, fresh, speed, seed } = args;
    let options = Options { rate, count, duration: duration.map(|duration| duration.0), fresh, speed, seed };
    demo::run(&options, context).await
}
