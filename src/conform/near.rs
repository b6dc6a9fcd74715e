//! The other end of a copy: the machine of stores in memory.

use super::Ends;
use crate::core::fence::{
    Body, Chunk, Config, Contents, Enforcement, Export, Fence, FenceLimits, Input, Output, Refusal, Reply,
    Request, Source,
};
use crate::core::ids::{Incarnation, PartitionId, Placement};

/// A store in memory, with one partition.
pub(super) struct Near {
    fence: Fence,
    data: Contents,
}

impl Near {
    /// Its number is another one than that of the store under test.
    pub(super) fn new(beside: Placement, partition: PartitionId) -> Self {
        let store = Placement(beside.0.wrapping_add(1));
        let (incarnation, enforcement) = (Incarnation(1), Enforcement::Tokens);
        let limits = FenceLimits { chunk_items_max: 16, ..FenceLimits::PRODUCTION };
        let fence = Fence::unknown(Config { store, partition, incarnation, enforcement, limits });
        Self { fence, data: Contents::default() }
    }

    pub(super) const fn store(&self) -> Placement {
        self.fence.config().store
    }

    pub(super) const fn fence(&self) -> &Fence {
        &self.fence
    }

    pub(super) const fn data(&self) -> &Contents {
        &self.data
    }

    /// Its answer to a request.
    pub(super) fn ask(&mut self, body: Body) -> Result<Reply, Refusal> {
        let Config { store, partition, .. } = *self.fence.config();
        let mut replies = self.input(Input::Request(Request { store, partition, body }));
        match replies.pop() {
            Some(Reply::Refused { refusal, .. }) => Err(refusal),
            Some(reply) => Ok(reply),
            None => Err(Refusal::Halted { store }),
        }
    }

    fn input(&mut self, input: Input) -> Vec<Reply> {
        let mut replies = Vec::new();
        for output in self.fence.handle(&input, self.data.rows()) {
            self.data.perform(&output);
            match output {
                Output::Reply(reply) => replies.push(reply),
                Output::Admitted(write) => replies.extend(self.input(Input::Apply(write))),
                Output::Append(_)
                | Output::Import { .. }
                | Output::Trim { .. }
                | Output::Erase
                | Output::Persist
                | Output::Serve(_)
                | Output::Hand(_)
                | Output::Pull { .. }
                | Output::Halt(_) => {}
            }
        }
        replies
    }

    /// The next part of a copy of it.
    pub(super) fn cut(&self, export: &Export) -> Result<Chunk, Ends> {
        let Config { store, incarnation, limits, .. } = *self.fence.config();
        let source = Source { store, incarnation, durable: self.fence.durable(), limits };
        Chunk::cut(source, export, &self.data).map_err(|error| Ends::Unknown(format!("the machine: {error}")))
    }
}
