//! Names of inputs and outputs, in order, shared by what refers to them by index.

use std::ops::Deref;
use std::sync::Arc;

/// Names in order. Copies share them, so that two of the same origin are compared at once.
#[derive(Debug, Clone)]
pub struct Names {
    names: Arc<[String]>,
    /// Hash and index, in the order of the hashes: ten thousand names are sorted several times faster by number.
    hashes: Arc<[(u64, u32)]>,
}

impl Names {
    /// The index of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        let hash = hash(name);
        let first = self.hashes.partition_point(|(known, _)| *known < hash);
        let alike = self.hashes[first..].iter().take_while(|(known, _)| *known == hash);
        alike.map(|(_, at)| *at as usize).find(|at| self.names[*at] == name)
    }

    /// A name that is there twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let alike = self.hashes.chunk_by(|a, b| a.0 == b.0).filter(|alike| alike.len() > 1);
        let mut names = alike.flat_map(|alike| alike[1..].iter().map(|(_, at)| *at as usize));
        // A later one of two is not where a search for its name ends.
        names.find(|at| self.position(&self.names[*at]) != Some(*at)).map(|at| self.names[at].as_str())
    }
}

/// FNV-1a, 64 bits. What hashes alike is told apart by the name itself.
fn hash(name: &str) -> u64 {
    name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

impl Deref for Names {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.names
    }
}

impl PartialEq for Names {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.names, &other.names) || self.names == other.names
    }
}

impl From<Vec<String>> for Names {
    fn from(names: Vec<String>) -> Self {
        // An index beyond u32 is far above MAX_INPUTS, which is checked where names become inputs.
        let hashed = |(at, name): (usize, &String)| (hash(name), u32::try_from(at).unwrap_or(u32::MAX));
        let mut hashes: Vec<(u64, u32)> = names.iter().enumerate().map(hashed).collect();
        hashes.sort_unstable();
        Names { names: names.into(), hashes: hashes.into() }
    }
}

impl From<&[&str]> for Names {
    fn from(names: &[&str]) -> Self {
        names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>().into()
    }
}

impl<const N: usize> From<[&str; N]> for Names {
    fn from(names: [&str; N]) -> Self {
        names.as_slice().into()
    }
}

impl From<&Names> for Names {
    fn from(names: &Names) -> Self {
        names.clone()
    }
}
