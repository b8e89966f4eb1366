//! The same bytes again, or the first difference.

use std::fmt;

use record::footprint::FootprintStatement;
use record::plant::Plant;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::error::FootprintError;
use crate::figure::Sources;
use crate::statement::compute_product;

/// Where a statement and its recomputation part.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: stated {stated}, recomputed {recomputed}")]
pub struct FirstDifference {
    /// Path of the first member that differs, for example `total.value`.
    pub path: String,
    /// Its value in the statement.
    pub stated: String,
    /// Its value recomputed.
    pub recomputed: String,
}

/// Why a statement is not confirmed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RecomputeError {
    /// There is no footprint from this plant and evidence.
    #[error(transparent)]
    Compute(#[from] FootprintError),
    /// Another footprint comes out.
    #[error(transparent)]
    Difference(#[from] FirstDifference),
}

/// Computes the statement's product from the plant and its sources again and compares every byte.
///
/// # Errors
/// [`RecomputeError`].
pub fn recompute(statement: &FootprintStatement, plant: &Plant, sources: &Sources) -> Result<(), RecomputeError> {
    let again = compute_product(plant, sources, &statement.product.name)?;
    let (stated, recomputed) = (statement.to_bytes(), again.to_bytes());
    if stated == recomputed {
        return Ok(());
    }
    // Both are JSON of one schema, written a moment ago; the paths are those of its members, in their order.
    let nodes = serde_json::from_slice::<Node>(&stated).ok().zip(serde_json::from_slice::<Node>(&recomputed).ok());
    let difference = nodes.and_then(|(stated, recomputed)| first_difference("", &stated, &recomputed));
    Err(RecomputeError::Difference(difference.unwrap_or_else(|| FirstDifference {
        path: String::new(),
        stated: statement.digest().to_string(),
        recomputed: again.digest().to_string(),
    })))
}

/// JSON with its members in the order of the text.
#[derive(PartialEq)]
enum Node {
    Leaf(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

fn first_difference(path: &str, stated: &Node, recomputed: &Node) -> Option<FirstDifference> {
    match (stated, recomputed) {
        (Node::Map(one), Node::Map(other)) if one.iter().map(|(k, _)| k).eq(other.iter().map(|(k, _)| k)) => {
            let dot = if path.is_empty() { "" } else { "." };
            one.iter().zip(other).find_map(|((key, a), (_, b))| first_difference(&format!("{path}{dot}{key}"), a, b))
        }
        (Node::List(one), Node::List(other)) if one.len() == other.len() => {
            one.iter().zip(other).enumerate().find_map(|(i, (a, b))| first_difference(&format!("{path}[{i}]"), a, b))
        }
        _ if stated == recomputed => None,
        _ => Some(FirstDifference {
            path: path.to_owned(),
            stated: stated.to_string(),
            recomputed: recomputed.to_string(),
        }),
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Leaf(text) => f.write_str(text),
            Node::List(list) => write!(f, "a list of {}", list.len()),
            Node::Map(map) => {
                write!(f, "an object of {}", map.iter().map(|(k, _)| k.as_str()).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;

        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Leaf(format!("{text:?}")))
            }

            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(Node::Leaf(value.to_string()))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Leaf(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Leaf(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Leaf(value.to_string()))
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Leaf("null".to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
                let mut list = Vec::new();
                while let Some(node) = seq.next_element()? {
                    list.push(node);
                }
                Ok(Node::List(list))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Node::Map(members))
            }
        }

        deserializer.deserialize_any(NodeVisitor)
    }
}
