//! Limits of all layers in one. What shipped profiles say is what is usual: where a file of a layer that may grant names
//! the same limit, that counts in its place. Else the lowest counts.

use std::collections::BTreeMap;

use crate::amount::Amount;
use crate::boundary::Budget;
use crate::layer::Layer;
use crate::policy::Policy;
use crate::profile::Document;

impl Policy {
    /// Limits on each process.
    pub(crate) fn lower_limits(&self) -> BTreeMap<String, u64> {
        let mut limits: BTreeMap<String, u64> = BTreeMap::new();
        for (document, (name, value)) in
            self.sources.iter().flat_map(|(l, d)| d.limits.iter().map(move |limit| ((*l, &**d), limit)))
        {
            if !self.is_replaced(document, name) {
                limits.entry(name.to_string()).and_modify(|low| *low = (*low).min(*value)).or_insert(*value);
            }
        }
        limits
    }

    /// Limits on the whole run; which of several is the lowest, only the machine can tell.
    pub(crate) fn lower_budget(&self) -> BTreeMap<String, Vec<Budget>> {
        let mut budget: BTreeMap<String, Vec<Budget>> = BTreeMap::new();
        for (document, (name, text)) in
            self.sources.iter().flat_map(|(l, d)| d.budget.iter().map(move |limit| ((*l, &**d), limit)))
        {
            // A text that is no amount doesn't load.
            if let Some(amount) = Amount::new(text).ok().filter(|_| !self.is_replaced(document, name)) {
                let source = document.1.source.to_string();
                budget.entry(name.to_string()).or_default().push(Budget { amount, source });
            }
        }
        for amounts in budget.values_mut() {
            amounts.sort_unstable_by(|a, b| (a.amount, &a.source).cmp(&(b.amount, &b.source)));
            amounts.dedup();
        }
        budget
    }

    fn is_replaced(&self, (layer, document): (Layer, &Document), name: &str) -> bool {
        let named = |d: &Document| d.limits.iter().any(|(n, _)| n == name) || d.budget.iter().any(|(n, _)| n == name);
        let mut files = self.sources.iter().filter(|(layer, d)| layer.may_grant() && !is_usual(*layer, d));
        is_usual(layer, document) && files.any(|(_, document)| named(document))
    }
}

/// Whether it is a shipped profile, or built in.
fn is_usual(layer: Layer, document: &Document) -> bool {
    layer == Layer::BuiltIn || document.name.is_some()
}
