//! Parses the words of a script of a cluster: nodes, links, logs and proposals.

use super::arguments::{Arguments, placement};
use super::network::{first_life, identity};
use cutover::core::control_plane::{ControlPlaneEntry, Endpoints, MembershipChange, Override};
use cutover::core::ids::{DirectoryId, Index, NodeId, PartitionId, Serial, SessionId, Term};
use cutover::core::migration::{Command, Operator, Reason, Transition};
use cutover::core::placement::Guarantee;
use cutover::core::raft::{Configuration, Content, Entry, Log, LogPosition, Payload, Peer, Ticket};

pub fn voters(given: &mut Arguments<'_>) -> Configuration {
    let count = small(given.number("voters", None));
    Configuration::of_voters((1..=count).map(|node| first_life(NodeId(node))))
}

pub fn peers(names: &[String]) -> Vec<Peer> {
    names.iter().map(|text| peer(text)).collect()
}

pub fn content(given: &mut Arguments<'_>) -> Content<ControlPlaneEntry> {
    if given.flag("open") {
        return Content::OpenSession;
    }
    if let Some(text) = given.maybe("close") {
        return Content::CloseSession(SessionId(text.trim_start_matches('s').parse().unwrap()));
    }
    let ticket = given.maybe("session").map(|text| Ticket {
        session: SessionId(text.trim_start_matches('s').parse().unwrap()),
        serial: Serial(given.number("serial", None)),
        acknowledged_through: Serial(given.number("acknowledged", Some(0))),
    });
    let even_so = given.maybe("even-so").map(|reason| Override {
        operator: Operator::try_from("ops".to_owned()).unwrap(),
        reason: Reason::try_from(reason).unwrap(),
    });
    let change = if let Some(text) = given.maybe("admit") {
        let peer = peer(&text);
        Some(MembershipChange::Admit { peer, identity: identity(peer), endpoints: Endpoints::NONE })
    } else if let Some(text) = given.maybe("promote") {
        Some(MembershipChange::Promote { peer: peer(&text), even_so })
    } else {
        given.maybe("remove").map(|text| MembershipChange::Remove { peer: peer(&text), even_so })
    };
    let payload = match change {
        Some(change) => ControlPlaneEntry::MembershipChange(change),
        None if given.flag("opening") => ControlPlaneEntry::opening(Term(1), NodeId(1)),
        None => create(given.number("create", None)),
    };
    Content::Payload { ticket, payload }
}

fn create(partition: u64) -> ControlPlaneEntry {
    let transition = Transition::Create { placement: placement("A"), guarantee: Guarantee::Sealed };
    ControlPlaneEntry::OwnershipTransition(Command { partition: PartitionId(partition), transition })
}

/// The log of the founding disk, extended by entries with these terms.
pub fn log_of(terms: &[Term]) -> Log<ControlPlaneEntry> {
    let mut log = Log::above(LogPosition { term: Term::GENESIS, index: Index(1) });
    let mut before = Term::GENESIS;
    for term in terms {
        let at = log.last().index.next();
        let payload = if *term == before {
            create(at.0 * 100 + term.0)
        } else {
            ControlPlaneEntry::opening(*term, NodeId(1))
        };
        before = *term;
        log.push(Entry { term: *term, content: Content::Payload { ticket: None, payload } });
    }
    log
}

pub fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap()
}

pub fn small(number: u64) -> u8 {
    u8::try_from(number).unwrap()
}

/// A node: `n3`.
pub fn node(text: &str) -> NodeId {
    NodeId(text.trim_start_matches('n').parse().unwrap_or_else(|_| panic!("{text} is no node")))
}

/// A peer: `n3`, or `n3.2` in its second directory.
fn peer(text: &str) -> Peer {
    let (name, life) = text.split_once('.').unwrap_or((text, "1"));
    Peer { node: node(name), directory: DirectoryId(life.parse().unwrap()) }
}

/// A link: `n1-n2`.
pub fn link(text: &str) -> (NodeId, NodeId) {
    let (from, to) = text.split_once('-').unwrap_or_else(|| panic!("{text} is no link"));
    (node(from), node(to))
}

/// An argument: `name`, `name=value` or `name=(value,value)`.
pub fn argument(word: &str) -> (String, Vec<String>) {
    let Some((name, value)) = word.split_once('=') else { return (word.to_owned(), Vec::new()) };
    let values = value.trim_start_matches('(').trim_end_matches(')').split(',');
    (name.to_owned(), values.map(str::to_owned).collect())
}
