//! Files that import each other, straight or through others (strongly connected components, by Tarjan's algorithm).

use std::collections::BTreeMap;
use std::path::Path;

/// Files that import each other, and what ties them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circle {
    /// From file, to file, and a name that the first takes from the second.
    pub ties: Vec<(String, String, String)>,
}

/// Every circle among files.
pub fn circles(uses: &BTreeMap<&Path, BTreeMap<&Path, String>>) -> Vec<Circle> {
    let mut search = Search {
        uses,
        order: BTreeMap::new(),
        lowest: BTreeMap::new(),
        open: Vec::new(),
        found: Vec::new(),
    };
    for file in uses.keys() {
        if !search.order.contains_key(file) {
            search.visit(file);
        }
    }
    search.found.iter().map(|files| circle(uses, files)).collect()
}

fn circle(uses: &BTreeMap<&Path, BTreeMap<&Path, String>>, files: &[&Path]) -> Circle {
    let mut ties = Vec::new();
    for from in files {
        for (to, name) in uses.get(from).into_iter().flatten() {
            if files.contains(to) {
                ties.push((from.display().to_string(), to.display().to_string(), name.clone()));
            }
        }
    }
    Circle { ties }
}

struct Search<'a> {
    uses: &'a BTreeMap<&'a Path, BTreeMap<&'a Path, String>>,
    order: BTreeMap<&'a Path, usize>,
    lowest: BTreeMap<&'a Path, usize>,
    open: Vec<&'a Path>,
    found: Vec<Vec<&'a Path>>,
}

impl<'a> Search<'a> {
    fn visit(&mut self, file: &'a Path) {
        let number = self.order.len();
        self.order.insert(file, number);
        self.lowest.insert(file, number);
        self.open.push(file);
        for to in self.uses.get(file).into_iter().flat_map(BTreeMap::keys) {
            let reached = match self.order.get(to) {
                None => {
                    self.visit(to);
                    self.lowest.get(to).copied()
                }
                Some(order) => self.open.contains(to).then_some(*order),
            };
            if let (Some(reached), Some(lowest)) = (reached, self.lowest.get_mut(file)) {
                *lowest = reached.min(*lowest);
            }
        }
        if self.lowest.get(file) == Some(&number) {
            let from = self
                .open
                .iter()
                .position(|open| *open == file)
                .unwrap_or_default();
            let component = self.open.split_off(from);
            if component.len() > 1 {
                self.found.push(component);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn circles_of_two_and_three_and_none() {
        let table = [
            ("a", "b"),
            ("b", "a"),
            ("c", "d"),
            ("d", "e"),
            ("e", "c"),
            ("a", "c"),
            ("f", "a"),
        ];
        let mut uses: BTreeMap<&Path, BTreeMap<&Path, String>> = BTreeMap::new();
        for (from, to) in table {
            uses.entry(Path::new(from))
                .or_default()
                .insert(Path::new(to), "X".to_owned());
        }
        let mut found: Vec<String> = circles(&uses)
            .into_iter()
            .map(|circle| {
                circle
                    .ties
                    .iter()
                    .map(|(from, to, _)| format!("{from}{to} "))
                    .collect()
            })
            .collect();
        found.sort();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("ab") && found[0].contains("ba"), "{found:?}");
        assert!(
            ["cd", "de", "ec"].iter().all(|tie| found[1].contains(tie)),
            "{found:?}"
        );
        uses.remove(Path::new("b"));
        uses.remove(Path::new("e"));
        assert_eq!(circles(&uses), []);
    }
}
