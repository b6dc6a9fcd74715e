//! The judge of registers.

mod brute;
mod by_hand;
mod laws;
mod make;
mod speed;
