//! Which scenarios must pass before another one means anything.

use std::path::{Path, PathBuf};

use edgeproof_document::{Mistake, node::YamlNode, problem::Problem};

use super::{
    file::Scenario,
    load::{self, Case},
};

/// Whether `name` is the case that `dependency` names, or one of its combinations or repetitions.
pub fn is_meant(dependency: &str, name: &str) -> bool {
    name.strip_prefix(dependency)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::") || rest.starts_with('#'))
}

/// The cases that each case waits for, by index.
pub fn of_all(cases: &[Case]) -> Vec<Vec<usize>> {
    let waits_for = |index: usize, case: &Case| {
        if case.scenario.depends_on.is_empty() {
            return Vec::new();
        }
        let others = cases.iter().enumerate().filter(|(other, known)| {
            *other != index
                && case
                    .scenario
                    .depends_on
                    .iter()
                    .any(|dependency| is_meant(dependency, &known.name))
        });
        others.map(|(other, _)| other).collect()
    };
    cases
        .iter()
        .enumerate()
        .map(|(index, case)| waits_for(index, case))
        .collect()
}

/// Dependencies that no file is behind.
pub(super) fn unknown(path: &Path, scenario: &Scenario, node: &YamlNode) -> Vec<Problem> {
    let folder = root(path);
    scenario
        .depends_on
        .iter()
        .enumerate()
        .filter(|(_, name)| load::file_of(&folder, name).is_none())
        .map(|(index, name)| Problem {
            message: format!("there is no scenario `{name}`"),
            at: node
                .at_path(["depends_on", &index.to_string()])
                .map_or(node.at, |node| node.at),
            label: "here".to_owned(),
            help: Some(format!(
                "name it by its path below `{}`, such as `flow::regular_passes`",
                folder.display()
            )),
        })
        .collect()
}

/// Where names begin: the last folder called `scenarios`, or else the file's own.
fn root(path: &Path) -> PathBuf {
    let folders = || path.ancestors().skip(1);
    folders()
        .find(|folder| folder.file_name().is_some_and(|name| name == "scenarios"))
        .or_else(|| folders().next())
        .unwrap_or(Path::new(""))
        .to_owned()
}

fn on_itself(case: &Case) -> Mistake {
    Mistake {
        problem: Problem {
            message: format!("`{}` depends on itself", case.name),
            at: case
                .node
                .get("depends_on")
                .map_or(case.node.at, |node| node.at),
            label: "through these".to_owned(),
            help: Some("remove one of these dependencies".to_owned()),
        },
        sources: std::sync::Arc::clone(&case.sources),
    }
}

/// Cases that would wait for each other for ever.
pub(super) fn circles(cases: &[Case]) -> Vec<(usize, Mistake)> {
    let waits_for = of_all(cases);
    if waits_for.iter().all(Vec::is_empty) {
        return Vec::new();
    }
    let mut done = vec![false; cases.len()];
    // What waits for nothing that is not done can be done; what is left in the end goes round in circles.
    while let Some(next) = (0..cases.len())
        .find(|&index| !done[index] && waits_for[index].iter().all(|&other| done[other]))
    {
        done[next] = true;
    }
    let stuck = cases.iter().zip(done).enumerate();
    stuck
        .filter(|(_, (_, done))| !done)
        .map(|(index, (case, _))| (index, on_itself(case)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use edgeproof_document::LoadError;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("flow::a", "flow::a", true)]
    #[case("flow::a", "flow::a::open", true)]
    #[case("flow::a", "flow::a#2", true)]
    #[case("flow::a", "flow::ab", false)]
    #[case("flow::a::open", "flow::a::closed", false)]
    fn a_dependency_is_a_case_or_all_its_combinations(
        #[case] dependency: &str,
        #[case] name: &str,
        #[case] meant: bool,
    ) {
        assert_eq!(is_meant(dependency, name), meant);
    }

    fn loaded(files: &[(&str, &str)]) -> Result<Vec<Vec<usize>>, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let scenarios = folder.path().join("scenarios");
        fs::create_dir(&scenarios).unwrap();
        for (name, depends_on) in files {
            let text = format!("scenario: x\ndepends_on: [{depends_on}]\nsteps: []\n");
            fs::write(scenarios.join(format!("{name}.yaml")), text).unwrap();
        }
        match load::load(&load::find(&[scenarios]).unwrap()) {
            Ok(cases) => Ok(of_all(&cases)),
            Err(LoadError::Mistakes(mistakes)) => Err(mistakes
                .into_iter()
                .map(|mistake| mistake.problem.message)
                .collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_case_waits_for_what_it_names() {
        assert_eq!(
            loaded(&[("a", "b, c"), ("b", "c"), ("c", "")]),
            Ok(vec![vec![1, 2], vec![2], vec![]])
        );
    }

    #[test]
    fn names_of_no_file_and_circles_are_mistakes() {
        assert_eq!(
            loaded(&[("a", "d")]),
            Err(vec!["there is no scenario `d`".to_owned()])
        );
        assert_eq!(
            loaded(&[("a", "b"), ("b", "a"), ("c", "")]),
            Err(vec![
                "`a` depends on itself".to_owned(),
                "`b` depends on itself".to_owned()
            ])
        );
    }
}
