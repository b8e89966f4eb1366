//! Names that lead somewhere, once.

use std::collections::BTreeSet;

use super::Plant;
use super::read::Reader;

impl Reader<'_> {
    pub(super) fn references(&mut self, plant: &Plant) {
        let mut names = Names { reader: self, seen: BTreeSet::new() };
        names.unique("stream", plant.streams.iter().map(|stream| stream.name.as_str()));
        names.unique("process", plant.processes.iter().map(|process| process.name.as_str()));
        names.unique("exchange", plant.exchanges.iter().map(|exchange| exchange.name.as_str()));
        names.unique("precursor", plant.precursors.iter().map(|precursor| precursor.name.as_str()));
        names.unique("product", plant.products.iter().map(|product| product.name.as_str()));
        names.unique("process.output", plant.outputs().map(|(_, output)| output.name.as_str()));
        let processes: BTreeSet<&str> = plant.processes.iter().map(|process| process.name.as_str()).collect();
        let outputs: BTreeSet<&str> = plant.outputs().map(|(_, output)| output.name.as_str()).collect();
        for (i, stream) in plant.streams.iter().enumerate() {
            if let Some(process) = &stream.process {
                self.known(&processes, "process", format!("stream[{i}].process"), process);
            }
        }
        for (i, process) in plant.processes.iter().enumerate() {
            for (j, input) in process.inputs.iter().enumerate() {
                let path = format!("process[{i}].inputs[{j}].process");
                self.known(&outputs, "process or output", path, &input.process);
            }
            if process.outputs.is_empty() {
                self.refuse_named(&process.name, format!("process[{i}].output"), "at least one output is needed");
            }
        }
        for (i, exchange) in plant.exchanges.iter().enumerate() {
            for (key, process) in [("from", &exchange.from), ("to", &exchange.to)] {
                if let Some(process) = process {
                    self.known(&processes, "process", format!("exchange[{i}].{key}"), process);
                }
            }
        }
        for (i, precursor) in plant.precursors.iter().enumerate() {
            for (j, input) in precursor.uses.iter().enumerate() {
                self.known(&processes, "process", format!("precursor[{i}].uses[{j}].process"), &input.process);
            }
        }
        for (i, product) in plant.products.iter().enumerate() {
            self.known(&outputs, "process or output", format!("product[{i}].process"), &product.process);
        }
        for (i, process) in plant.processes.iter().enumerate() {
            let attributed = plant.streams.iter().any(|stream| stream.process.as_ref() == Some(&process.name));
            if attributed && process.attributed_emissions.is_some() {
                let problem = "stands beside streams of this process; give one or the other";
                self.refuse_named(&process.name, format!("process[{i}].attributed_emissions"), problem);
            }
        }
        if plant.products.is_empty() {
            self.refuse(self.text.len(), "product", "at least one product is needed");
        }
    }

    fn known(&mut self, known: &BTreeSet<&str>, what: &str, path: String, name: &str) {
        if !known.contains(name) {
            self.refuse_named(name, path, format!("there is no {what} {name:?}"));
        }
    }

    /// Refuses an entry found by the name it holds; the line is that of the name's last occurrence.
    fn refuse_named(&mut self, name: &str, path: String, problem: impl Into<String>) {
        let offset = self.text.rfind(name).unwrap_or(0);
        self.refuse(offset, path, problem);
    }
}

struct Names<'r, 't> {
    reader: &'r mut Reader<'t>,
    seen: BTreeSet<String>,
}

impl Names<'_, '_> {
    fn unique<'a>(&mut self, path: &str, names: impl Iterator<Item = &'a str>) {
        self.seen.clear();
        for (i, name) in names.enumerate() {
            if !self.seen.insert(name.to_owned()) {
                self.reader.refuse_named(name, format!("{path}[{i}].name"), format!("{name:?} stands twice"));
            }
        }
    }
}
