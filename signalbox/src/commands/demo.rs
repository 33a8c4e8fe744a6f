//! `signalbox demo`: everything in one process, with a simulated carrier.

use crate::config::Span;
use crate::context::Context;
use crate::demo;
use crate::failure::Failure;
use clap::Args;

#[derive(Args, Debug)]
#[command(
    after_help = "The data is kept in data.dir (./signalbox-data), and the next demo goes on with it; --fresh forgets it.\n\
    Examples:\n  \
    signalbox demo\n  \
    signalbox demo --fresh --rate 20 --for 30s"
)]
pub struct DemoArgs {
    /// How many calls, texts and SIMs begin in a second
    #[arg(long, value_name = "N", default_value = "1.5", value_parser = super::simulate::positive)]
    pub rate: f64,
    /// End after this many; 0: at Ctrl-C
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub count: u64,
    /// End after this time
    #[arg(long = "for", value_name = "DURATION")]
    pub duration: Option<Span>,
    /// In a folder of its own, which is removed at the end
    #[arg(long)]
    pub fresh: bool,
    /// How many times faster than people they speak and think; the timers of flows are not sped up
    #[arg(long, value_name = "FACTOR", default_value = "4", value_parser = super::simulate::positive)]
    pub speed: f64,
    /// The same seed makes the same people; the default is another each time
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

pub async fn run(args: DemoArgs, context: &Context) -> Result<(), Failure> {
    demo::run(&args, context).await
}
