//! Measures the depth of all shards, for the gauges.

use crate::metrics;
use crate::ports::Ports;
use crate::reconciler::{Reconciler, Tick};
use async_trait::async_trait;
use common::ports::upkeep::Depth;
use common::{Shard, StoreError};

pub struct Depths {
    shards: u16,
}

impl Depths {
    pub fn new(shards: u16) -> Depths {
        Depths { shards }
    }
}

#[async_trait]
impl Reconciler for Depths {
    fn name(&self) -> &'static str {
        "depth"
    }

    async fn tick(&mut self, ports: &Ports) -> Result<Tick, StoreError> {
        let mut all = Depth::default();
        let mut oldest_us = 0;
        for shard in (0..self.shards).map(Shard) {
            let depth = ports.upkeep.depth(shard).await?;
            all.resumed += depth.resumed;
            all.new += depth.new;
            all.suspects += depth.suspects;
            all.claimed += depth.claimed;
            all.waits += depth.waits;
            oldest_us = depth.oldest_ready.map_or(0, |at| depth.now.micros_since(at)).max(oldest_us);
        }
        metrics::depth(&all, oldest_us);
        Ok(Tick::default())
    }
}
