//! A file as a tree that remembers where each part stands, so that what is wrong can be named by its path.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::CaseError;

/// A part of a JSON or TOML file; tables keep their order, which is the order of outputs.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tree {
    Nothing,
    Switch(bool),
    Number(f64),
    Text(String),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, a list or a table")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Switch(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Number(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value as f64))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = parts.next_element()? {
            list.push(part);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Tree, A::Error> {
        let mut table: Vec<(String, Tree)> = Vec::new();
        let mut names = BTreeSet::new();
        while let Some((name, part)) = parts.next_entry::<String, Tree>()? {
            if !names.insert(name.clone()) {
                return Err(serde::de::Error::custom(format_args!("{name} is there twice")));
            }
            table.push((name, part));
        }
        Ok(Tree::Table(table))
    }
}

impl Tree {
    fn kind(&self) -> &'static str {
        match self {
            Tree::Nothing => "nothing",
            Tree::Switch(_) => "true or false",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Table(_) => "a table",
        }
    }
}

/// A part with its path.
#[derive(Debug, Clone)]
pub(super) struct Field<'t> {
    pub(super) path: String,
    tree: &'t Tree,
}

impl<'t> Field<'t> {
    pub(super) fn new(path: impl Into<String>, tree: &'t Tree) -> Self {
        Field { path: path.into(), tree }
    }

    pub(super) fn tree(&self) -> &'t Tree {
        self.tree
    }

    /// Not what belongs here.
    pub(super) fn wrong(&self, wanted: &'static str) -> CaseError {
        CaseError::Type { path: self.path.clone(), wanted, found: self.tree.kind() }
    }

    pub(super) fn number(&self) -> Result<f64, CaseError> {
        match self.tree {
            Tree::Number(number) => Ok(*number),
            _ => Err(self.wrong("a number")),
        }
    }

    pub(super) fn text(&self) -> Result<&'t str, CaseError> {
        match self.tree {
            Tree::Text(text) => Ok(text),
            _ => Err(self.wrong("a text")),
        }
    }

    pub(super) fn list(&self) -> Result<Vec<Field<'t>>, CaseError> {
        let Tree::List(list) = self.tree else { return Err(self.wrong("a list")) };
        Ok(list.iter().enumerate().map(|(at, tree)| Field::new(format!("{}[{at}]", self.path), tree)).collect())
    }

    pub(super) fn table(&self) -> Result<Table<'t>, CaseError> {
        let Tree::Table(entries) = self.tree else { return Err(self.wrong("a table")) };
        Ok(Table { path: self.path.clone(), entries, read: RefCell::default() })
    }
}

/// A table, which notes what was read of it.
#[derive(Debug)]
pub(super) struct Table<'t> {
    path: String,
    entries: &'t [(String, Tree)],
    read: RefCell<BTreeSet<&'t str>>,
}

impl<'t> Table<'t> {
    /// Where it stands.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// What is called `name`; null counts as absent.
    pub(super) fn get(&self, name: &str) -> Option<Field<'t>> {
        let (name, tree) = self.entries.iter().find(|(known, _)| known == name)?;
        self.read.borrow_mut().insert(name);
        (*tree != Tree::Nothing).then(|| Field::new(self.path_of(name), tree))
    }

    /// What is called `name`, which must be there.
    pub(super) fn need(&self, name: &str, remedy: &'static str) -> Result<Field<'t>, CaseError> {
        self.get(name).ok_or_else(|| CaseError::Missing { path: self.path_of(name), remedy })
    }

    /// A number that need not be there.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>, CaseError> {
        self.get(name).map(|field| field.number()).transpose()
    }

    /// A text that need not be there.
    pub(super) fn text(&self, name: &str) -> Result<Option<&'t str>, CaseError> {
        self.get(name).map(|field| field.text()).transpose()
    }

    /// All entries, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'t str, Field<'t>)> {
        self.read.borrow_mut().extend(self.entries.iter().map(|(name, _)| name.as_str()));
        self.entries.iter().map(|(name, tree)| (name.as_str(), Field::new(self.path_of(name), tree)))
    }

    /// The paths of what nobody read, apart from `known` names that are for readers.
    pub(super) fn unread(&self, known: &[&str]) -> impl Iterator<Item = String> {
        let read = self.read.borrow();
        let unread = self.entries.iter().map(|(name, _)| name.as_str());
        let unread: Vec<_> = unread.filter(|name| !read.contains(name) && !known.contains(name)).collect();
        unread.into_iter().map(|name| self.path_of(name))
    }
}
