//! A plant with everything that does not depend on the product: processes, their outputs, and the network between them.

use metering::evidence_root;
use quantity::{Co2e, ElectricityPerMass, Energy, EnergyPerMass, Kind, Mass, Ratio};
use record::footprint::{CertificateReference, InputDigests, Stage};
use record::plant::{Allocation, Basis, Embedded, Plant, Process, Product};
use uncertainty::{Measured, Uncertain};

use crate::category::ProductCategoryRules;
use crate::emission::{Emission, Indirect};
use crate::error::FootprintError;
use crate::figure::{Data, Figure, Reader, Sources};
use crate::fitness::Fitness;
use crate::method::Method;
use crate::network::{Network, NotProductive};

/// Kinds of emissions that are kept apart: see [`kind`].
const KINDS: usize = 4;

/// Direct ones; indirect ones that count as the product's code says, in any case, and not at all.
fn kind(emission: &Emission) -> usize {
    match (is_direct(emission.stage), emission.indirect) {
        (true, _) => 0,
        (false, Indirect::ByProduct) => 1,
        (false, Indirect::Counted) => 2,
        (false, Indirect::Beside) => 3,
    }
}

/// Emissions per functional unit.
pub(crate) struct Results {
    pub direct: Uncertain,
    pub indirect: Uncertain,
    pub total: Uncertain,
}

/// A plant, its processes and its network.
pub(crate) struct Site<'a> {
    pub plant: &'a Plant,
    pub method: Method,
    /// Product-category rules that narrow it.
    pub category_rules: Option<&'a ProductCategoryRules>,
    /// What each process emits in the period, in the order of the file.
    pub emissions: Vec<Vec<Emission>>,
    pub nodes: Vec<Node<'a>>,
    pub inputs: InputDigests,
    network: Network,
    /// Consumer, supplier, and tonnes of the supplier per tonne of the consumer.
    entries: Vec<(usize, usize, Uncertain)>,
    /// Of a tonne of each node, with all that goes into it: its emissions by [`kind`], and electricity in MWh.
    embedded: [Vec<f64>; KINDS],
    electricity: Vec<f64>,
    /// What the functional unit of each product measures in it, where that is not the goods themselves.
    contents: Vec<Option<Uncertain>>,
}

/// An output of a process: what the network is made of.
pub(crate) struct Node<'a> {
    pub name: &'a str,
    /// Place of its process.
    pub process: usize,
    pub amount: Figure<Mass>,
    /// Its share of the process; none where it takes all.
    share: Option<Uncertain>,
    /// Per tonne, of the process itself and its precursors, by [`kind`].
    own: [Uncertain; KINDS],
}

impl Node<'_> {
    /// What falls on a tonne of this output from a figure of its process.
    pub fn per_tonne(&self, figure: &Uncertain) -> Result<Uncertain, uncertainty::UncertaintyError> {
        let amount = self.amount.quantity.uncertain();
        match &self.share {
            None => figure.over(amount),
            Some(share) => (figure * share).over(amount),
        }
    }
}

/// A part of the emissions that a tonne of product carries.
pub(crate) struct Part<'s> {
    pub process: &'s str,
    pub emission: &'s Emission,
    /// Tonnes of CO2e per tonne of product.
    pub value: f64,
    /// What one unit in the period is per tonne of product.
    pub per_tonne: f64,
}

/// The product-category rules that the plant file names.
fn category_rules<'a>(
    plant: &Plant,
    sources: &'a Sources<'a>,
) -> Result<Option<&'a ProductCategoryRules>, FootprintError> {
    let problem = match (&plant.product_category_rules, &sources.category_rules) {
        (None, None) => return Ok(None),
        (Some(named), Some(given)) if *named == given.id => return Ok(Some(given)),
        (Some(named), Some(given)) => {
            format!("the plant file names product-category rules {named:?}, those given are {:?}", given.id)
        }
        (Some(named), None) => format!(
            "the plant file names product-category rules {named:?}, and their file was not given; touchctl footprints takes \
             one with --rules"
        ),
        (None, Some(given)) => format!(
            "product-category rules were given, and the plant file names none; write product_category_rules = {:?} into it",
            given.id
        ),
    };
    Err(FootprintError::CategoryRulesMissing { problem })
}

impl<'a> Site<'a> {
    pub fn new(plant: &'a Plant, sources: &'a Sources<'a>) -> Result<Self, FootprintError> {
        let method = Method::find(&plant.method).ok_or_else(|| FootprintError::UnknownMethod {
            found: plant.method.clone(),
            known: Method::all().into_iter().map(|method| method.id).collect(),
        })?;
        let category_rules = category_rules(plant, sources)?;
        let method = category_rules.map_or(method.clone(), |rules| rules.narrow(method));
        let evidence = sources.evidence;
        if evidence.site != plant.site {
            return Err(FootprintError::OtherSite { evidence: evidence.site.clone(), plant: plant.site.clone() });
        }
        if evidence.period != plant.period {
            return Err(FootprintError::OtherPeriod { evidence: evidence.period, plant: plant.period });
        }
        let violations = evidence.violations();
        if !violations.is_empty() {
            return Err(FootprintError::Evidence { violations });
        }
        let reader = Reader::new(plant, sources, &method);
        let emissions = emissions(&reader)?;
        let mut nodes = Vec::new();
        for (place, process) in plant.processes.iter().enumerate() {
            nodes.extend(outputs(&reader, place, process, &emissions[place])?);
        }
        let entries = entries(&reader, &nodes)?;
        let in_loop = |error: NotProductive| FootprintError::Loop { process: nodes[error.node].name.to_owned() };
        let values: Vec<_> = entries.iter().map(|(to, from, amount)| (*to, *from, amount.value())).collect();
        let network = Network::new(nodes.len(), &values).map_err(in_loop)?;
        let electricity = |node: &Node| {
            let mwh = emissions[node.process].iter().fold(0.0, |sum, emission| sum + emission.electricity_mwh);
            let mwh: Measured<quantity::Electricity> = Measured::from_base(Uncertain::exact(mwh));
            node.per_tonne(mwh.uncertain()).map(|mwh| mwh.value()).map_err(|source| range(node.name, source))
        };
        let mut embedded: [Vec<f64>; KINDS] = Default::default();
        for (kind, sum) in embedded.iter_mut().enumerate() {
            let own: Vec<f64> = nodes.iter().map(|node| node.own[kind].value()).collect();
            *sum = network.embedded(&own).map_err(in_loop)?;
        }
        let electricity: Vec<f64> = nodes.iter().map(electricity).collect::<Result<_, _>>()?;
        let electricity = network.embedded(&electricity).map_err(in_loop)?;
        let contents = plant.products.iter().map(|product| content(&reader, product)).collect::<Result<_, _>>()?;
        let supplier_statements = plant.precursors.iter().filter_map(|precursor| match &precursor.embedded {
            Embedded::Statement { sha256 } => Some(*sha256),
            Embedded::Certificate { id } => {
                sources.certificate(id).and_then(|known| sources.behind(known)).map(|s| s.0)
            }
            _ => None,
        });
        let inputs = InputDigests {
            evidence_root: evidence_root(evidence),
            plant_file: plant.digest,
            supplier_statements: supplier_statements.collect(),
            certificates: certificates(plant, sources),
            tables: reader.tables(),
        };
        Ok(Site {
            plant,
            method,
            category_rules,
            emissions,
            nodes,
            inputs,
            network,
            entries,
            embedded,
            electricity,
            contents,
        })
    }

    /// The node of a product.
    pub fn node(&self, product: &Product) -> Option<usize> {
        self.nodes.iter().position(|node| node.name == product.process)
    }

    /// What a tonne of this node needs of every node, itself included.
    pub fn needs(&self, node: usize) -> Result<Vec<f64>, FootprintError> {
        let in_loop = |error: NotProductive| FootprintError::Loop { process: self.nodes[error.node].name.to_owned() };
        self.network.needs(node).map_err(in_loop)
    }

    /// What the functional unit of a product measures in it.
    pub fn content(&self, product: &Product) -> Option<&Uncertain> {
        let place = self.plant.products.iter().position(|other| other.name == product.name)?;
        self.contents[place].as_ref()
    }

    /// Emissions embedded in a functional unit of this node, with uncertainty to first order: of x = (I − A)⁻¹ b,
    /// dx = λ · (db + dA x) with the needs λ.
    pub fn results(&self, node: usize, needs: &[f64], product: &Product) -> Result<Results, FootprintError> {
        let [direct, by_product, counted, beside] = std::array::from_fn(|kind| {
            let embedded = &self.embedded[kind];
            let own = self.nodes.iter().zip(needs).filter(|(_, need)| **need != 0.0);
            let own = own.map(|(node, need)| (&node.own[kind], *need));
            let taken = self.entries.iter().map(|(to, from, amount)| (amount, needs[*to] * embedded[*from]));
            let terms: Vec<_> = own.chain(taken).collect();
            Uncertain::first_order(embedded[node], &terms)
        });
        let indirect = by_product.clone() + counted.clone() + beside;
        // Where the method counts direct emissions alone, indirect ones are stated beside the total.
        let total = direct.clone() + counted;
        let total = if self.method.counts_indirect(&product.cn_code) { total + by_product } else { total };
        let per_unit = |value: Uncertain| match self.content(product) {
            None => Ok(value),
            Some(content) => value.over(content).map_err(|source| range(&product.name, source)),
        };
        Ok(Results { direct: per_unit(direct)?, indirect: per_unit(indirect)?, total: per_unit(total)? })
    }

    /// Whether an emission is part of the total of a product of this code.
    pub fn counts(&self, emission: &Emission, cn_code: &str) -> bool {
        emission.counts()
            && match kind(emission) {
                0 | 2 => true,
                1 => self.method.counts_indirect(cn_code),
                _ => false,
            }
    }

    /// Electricity along the chain, in MWh per tonne of this node.
    pub fn electricity(&self, node: usize) -> ElectricityPerMass {
        ElectricityPerMass::from_base(self.electricity[node])
    }

    /// What the emissions of a tonne of product are made of.
    pub fn parts(&self, needs: &[f64]) -> Result<Vec<Part<'_>>, FootprintError> {
        let mut parts = Vec::new();
        for (node, need) in self.nodes.iter().zip(needs).filter(|(_, need)| **need != 0.0) {
            let process = self.plant.processes[node.process].name.as_str();
            let one = node.per_tonne(&Uncertain::exact(1.0)).map_err(|source| range(node.name, source))?.value();
            for emission in &self.emissions[node.process] {
                let value = node.per_tonne(&Uncertain::exact(emission.co2e.quantity().base()));
                let value = need * value.map_err(|source| range(node.name, source))?.value();
                parts.push(Part { process, emission, value, per_tonne: need * one });
            }
        }
        Ok(parts)
    }
}

/// The certificates that a plant names and that were given, each once.
fn certificates(plant: &Plant, sources: &Sources) -> Vec<CertificateReference> {
    let mut found: Vec<CertificateReference> = Vec::new();
    for precursor in &plant.precursors {
        let Embedded::Certificate { id } = &precursor.embedded else { continue };
        if let Some(given) = sources.certificate(id).filter(|_| found.iter().all(|known| known.id != *id)) {
            found.push(CertificateReference { id: id.clone(), digest: given.digest });
        }
    }
    found
}

fn range(name: &str, source: uncertainty::UncertaintyError) -> FootprintError {
    FootprintError::Uncertainty { path: format!("process {name:?}"), source }
}

/// What each process emits: its streams or what is attributed to it, its electricity, its precursors, what it hands on
/// and what it is handed.
fn emissions(reader: &Reader) -> Result<Vec<Vec<Emission>>, FootprintError> {
    let plant = reader.plant;
    let mut all = Vec::with_capacity(plant.processes.len());
    for process in &plant.processes {
        let name = &process.name;
        let mut found = Vec::new();
        for stream in plant.streams.iter().filter(|stream| stream.process.as_ref() == Some(name)) {
            found.extend(reader.stream(stream)?);
        }
        if let Some(attributed) = &process.attributed_emissions {
            let path = format!("process {name:?} attributed emissions");
            let figure: Figure<Co2e> = reader.figure(&path, attributed, None)?;
            found.push(Emission {
                stage: Stage::Direct,
                source: "attributed emissions".to_owned(),
                gas: figure.gas,
                origin: record::footprint::Origin::Fossil,
                co2e: figure.quantity,
                activity: None,
                electricity_mwh: 0.0,
                data: figure.data,
                indirect: Indirect::ByProduct,
            });
        }
        if let Some(used) = &process.electricity {
            found.push(reader.electricity(name, used)?);
        }
        for exchange in &plant.exchanges {
            let (gives, takes) = (exchange.from.as_ref() == Some(name), exchange.to.as_ref() == Some(name));
            if takes {
                found.push(reader.exchange(exchange, false)?);
            } else if gives {
                let handed = reader.exchange(exchange, true)?;
                let zero = Measured::exact(Co2e::from_base(0.0));
                // What is handed on is made here: it leaves the direct emissions, whatever it is.
                found.push(Emission {
                    stage: Stage::Direct,
                    co2e: zero - handed.co2e,
                    activity: handed.activity.map(|(amount, unit)| (-amount, unit)),
                    electricity_mwh: 0.0,
                    source: handed.source,
                    ..handed
                });
            }
        }
        for precursor in &plant.precursors {
            for used in precursor.uses.iter().filter(|used| used.process == *name) {
                found.extend(reader.precursor(precursor, &used.amount)?);
            }
        }
        if reader.method.negative.is_some() {
            found.extend(raised_to_zero(&found));
        }
        all.push(found);
    }
    Ok(all)
}

/// What makes direct emissions of a process that are below zero count as zero, where the method says so (Implementing
/// Regulation (EU) 2025/2547, Annex III, A.3).
fn raised_to_zero(emissions: &[Emission]) -> Option<Emission> {
    let own = || emissions.iter().filter(|emission| emission.counts() && emission.stage == Stage::Direct);
    let sum = own().map(|emission| emission.co2e.clone()).reduce(|sum, one| sum + one)?;
    let negative = sum.quantity().base() < 0.0;
    // It is as good as what it takes back.
    let (mut all, mut primary, mut default, mut fitness) = (0.0, 0.0, 0.0, Fitness::MEASURED);
    for emission in own() {
        let weight = emission.co2e.quantity().base().abs();
        all += weight;
        primary += weight * emission.data.primary;
        default += weight * emission.data.default;
        fitness = fitness.and(emission.data.fitness);
    }
    negative.then(|| Emission {
        stage: Stage::Direct,
        source: "below zero, counted as zero".to_owned(),
        gas: None,
        origin: record::footprint::Origin::Fossil,
        co2e: Measured::exact(Co2e::from_base(0.0)) - sum,
        activity: None,
        electricity_mwh: 0.0,
        data: Data { primary: primary / all, default: default / all, fitness, ..Data::not_measured(Basis::Stated) },
        indirect: Indirect::ByProduct,
    })
}

/// The share of a product that its functional unit measures.
fn content(reader: &Reader, product: &Product) -> Result<Option<Uncertain>, FootprintError> {
    let Some(input) = &product.content else { return Ok(None) };
    let content = reader.share(&format!("product {:?} content", product.name), input, None)?;
    match content.quantity().base() > 0.0 {
        true => Ok(Some(content.into_uncertain())),
        false => {
            Err(FootprintError::Content { product: product.name.clone(), unit: product.functional_unit.to_string() })
        }
    }
}

/// The outputs of a process with what falls on a tonne of each.
fn outputs<'a>(
    reader: &Reader,
    place: usize,
    process: &'a Process,
    emissions: &[Emission],
) -> Result<Vec<Node<'a>>, FootprintError> {
    let mut sums: [Uncertain; KINDS] = std::array::from_fn(|_| Uncertain::exact(0.0));
    for emission in emissions.iter().filter(|emission| emission.counts()) {
        sums[kind(emission)] += emission.co2e.uncertain();
    }
    let name = &process.name;
    let mut amounts = Vec::new();
    let mut weights = Vec::new();
    for output in &process.outputs {
        let of = if output.name == *name { format!("process {name:?}") } else { format!("output {:?}", output.name) };
        let amount = reader.production(&format!("{of} production"), &output.name, &output.amount)?;
        let mass = &amount.quantity;
        let weight = match (process.allocation, &output.weight) {
            (Allocation::Whole, _) => None,
            (Allocation::Energy, Some(content)) => {
                let content: Figure<EnergyPerMass> = reader.figure(&format!("{of} energy content"), content, None)?;
                let energy: Measured<Energy> = mass * &content.quantity;
                Some(energy.into_uncertain())
            }
            (Allocation::Economic, Some(price)) => {
                let price: Figure<Ratio> = reader.figure(&format!("{of} price"), price, None)?;
                let value: Measured<Mass> = mass * &price.quantity;
                Some(value.into_uncertain())
            }
            (Allocation::Stated, Some(share)) => {
                Some(reader.share(&format!("{of} share"), share, None)?.into_uncertain())
            }
            _ => Some(mass.uncertain().clone()),
        };
        amounts.push(amount);
        weights.push(weight);
    }
    let shares = shares(process, weights)?;
    let mut nodes = Vec::new();
    for ((output, amount), share) in process.outputs.iter().zip(amounts).zip(shares) {
        let mut node = Node {
            name: &output.name,
            process: place,
            amount,
            share,
            own: std::array::from_fn(|_| Uncertain::exact(0.0)),
        };
        for (own, sum) in sums.iter().enumerate() {
            node.own[own] = node.per_tonne(sum).map_err(|source| range(&output.name, source))?;
        }
        nodes.push(node);
    }
    Ok(nodes)
}

pub(crate) fn is_direct(stage: Stage) -> bool {
    matches!(stage, Stage::Direct | Stage::PrecursorDirect)
}

/// Weights as shares of their sum. Stated shares are taken as they are: the plant file's sum to one exactly.
fn shares(process: &Process, weights: Vec<Option<Uncertain>>) -> Result<Vec<Option<Uncertain>>, FootprintError> {
    const LEAST_SUM: f64 = 1e-12;
    let mut sum = Uncertain::exact(0.0);
    for weight in weights.iter().flatten() {
        sum += weight;
    }
    match process.allocation {
        Allocation::Whole => Ok(weights),
        Allocation::Stated => match (sum.value() - 1.0).abs() <= LEAST_SUM {
            true => Ok(weights),
            false => Err(FootprintError::Shares { process: process.name.clone(), sum: sum.value() }),
        },
        _ => {
            let share = |weight: Option<Uncertain>| weight.map(|weight| weight.over(&sum)).transpose();
            let shares = weights.into_iter().map(share).collect::<Result<_, _>>();
            shares.map_err(|_| FootprintError::Allocation { process: process.name.clone() })
        }
    }
}

fn entries(reader: &Reader, nodes: &[Node]) -> Result<Vec<(usize, usize, Uncertain)>, FootprintError> {
    let mut entries = Vec::new();
    for (consumer, node) in nodes.iter().enumerate() {
        let process = &reader.plant.processes[node.process];
        for input in &process.inputs {
            let path = format!("process {:?} input from {:?}", process.name, input.process);
            let amount: Figure<Mass> = reader.figure(&path, &input.amount, None)?;
            let per_tonne = node.per_tonne(amount.quantity.uncertain());
            let per_tonne = per_tonne.map_err(|source| FootprintError::Uncertainty { path, source })?;
            // The plant file names only outputs of its own.
            if let Some(supplier) = nodes.iter().position(|node| node.name == input.process) {
                entries.push((consumer, supplier, per_tonne));
            }
        }
    }
    Ok(entries)
}
