//! The path of a parameter, kept while a module is visited: field names joined by dots. Variants of enums are left out,
//! so that a model has the same paths inside an enum and outside.

/// The names between a module's root and the parameter that is visited.
#[derive(Debug, Default)]
pub struct ParamPath {
    /// (name, type that holds it)
    entered: Vec<(String, String)>,
}

impl ParamPath {
    /// On `enter_module` of a visitor or mapper.
    pub fn enter(&mut self, name: &str, container: &str) {
        self.entered.push((name.to_owned(), container.to_owned()));
    }

    /// On `exit_module`.
    pub fn exit(&mut self) {
        self.entered.pop();
    }

    /// E.g. `backbone.layers.0.mlp.up_proj.weight`.
    #[must_use]
    pub fn join(&self) -> String {
        let names: Vec<&str> = self
            .entered
            .iter()
            .filter(|(_, container)| !container.starts_with("Enum:"))
            .map(|(name, _)| name.as_str())
            .collect();
        names.join(".")
    }

    /// Whether the parameter that is visited is a field of the struct of this name.
    #[must_use]
    pub fn is_field_of(&self, name: &str) -> bool {
        self.entered.last().and_then(|(_, container)| container.strip_prefix("Struct:")) == Some(name)
    }
}
