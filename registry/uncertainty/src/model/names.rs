//! Names of inputs and outputs, in order, shared by what refers to them by index.

use std::ops::Deref;
use std::sync::Arc;

/// Names in order. Copies share them, so that two of the same origin are compared at once.
#[derive(Debug, Clone)]
pub struct Names {
    names: Arc<[String]>,
    /// Indices in the order of the names.
    sorted: Arc<[u32]>,
}

impl Names {
    /// The index of a name.
    pub fn position(&self, name: &str) -> Option<usize> {
        let found = self.sorted.binary_search_by(|&at| self.names[at as usize].as_str().cmp(name));
        found.ok().map(|at| self.sorted[at] as usize)
    }

    /// A name that is there twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let name = |at: u32| self.names[at as usize].as_str();
        self.sorted.windows(2).find(|pair| name(pair[0]) == name(pair[1])).map(|pair| name(pair[0]))
    }
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
        let mut sorted: Vec<u32> = (0..names.len()).map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect();
        sorted.sort_by(|&a, &b| names[a as usize].cmp(&names[b as usize]));
        Names { names: names.into(), sorted: sorted.into() }
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
