//! Fault: the answer to a change comes late, or its stream is reset instead, after the node has done what it was asked for.
//! `front.rs` applies it.

use super::injector::Injector;
use crate::options::{Drawn, Group};

/// How many answers of a million.
pub const ANSWER_PPM: Drawn = Drawn::chance(Group::Work, "lose_answer_ppm", &[10_000, 50_000, 150_000]);

pub struct LoseAnswer;

impl Injector for LoseAnswer {
    fn name(&self) -> &'static str {
        "lose-answer"
    }

    fn options(&self) -> &'static [Drawn] {
        &[ANSWER_PPM]
    }
}
