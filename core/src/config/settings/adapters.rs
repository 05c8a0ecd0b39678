//! What is typed of the method and of adapters, also as PEFT and scripts that use it spell it. In: text. Out: the method, or the layers
//! that get an adapter; or why that can't be: what PEFT has and Hone does not train is refused by its name.

use super::super::setting::{choice, whole};
use super::super::{LoraConfig, Method};
use super::{DEFAULT_TARGETS, LAST};

/// The methods, by their names; `last` alone is the last layer.
const METHODS: [(&str, Method); 4] =
    [("full", Method::Full), ("head", Method::Head), ("lora", Method::Lora), ("last", Method::LastLayers(1))];

/// What PEFT trains besides LoRA (`PeftType`).
const OTHERS_OF_PEFT: [&str; 25] = [
    "adalora",
    "adaption_prompt",
    "boft",
    "bone",
    "c3a",
    "cpt",
    "fourierft",
    "hra",
    "ia3",
    "ln_tuning",
    "loha",
    "lokr",
    "miss",
    "multitask_prompt_tuning",
    "oft",
    "p_tuning",
    "poly",
    "prefix_tuning",
    "prompt_tuning",
    "randlora",
    "shira",
    "trainable_tokens",
    "vblora",
    "vera",
    "xlora",
];

/// The method of a text; PEFT spells its own in capitals.
///
/// # Errors
/// When there is no such method, or it is one that Hone does not have.
pub(super) fn parse_method(text: &str) -> Result<Method, String> {
    if let Some(layers) = text.strip_prefix(LAST) {
        return Ok(Method::LastLayers(whole::parse(layers, 1, 10_000)?));
    }
    let name = text.to_ascii_lowercase().replace('-', "_");
    match name.as_str() {
        "dora" => Err(format!("{text:?} is the method lora with the setting use_dora")),
        "rslora" => Err(format!("{text:?} is the method lora with the setting use_rslora")),
        "qlora" => Err(format!(
            "{text:?} holds frozen weights in 4 bits, which Hone does not: choose lora, and bf16 or f16 as the dtype"
        )),
        other if OTHERS_OF_PEFT.contains(&other) => {
            Err(format!("{text:?} is of PEFT, and Hone does not train it: choose full, head, lora or last:N"))
        }
        own if METHODS.iter().any(|(known, _)| *known == own) => choice::parse(own, &METHODS),
        _ => choice::parse(text, &METHODS),
    }
}

/// The layers that get an adapter: their names, or ends of their names; none where the architecture names them.
///
/// # Errors
/// When something is no name of a layer: PEFT takes a regular expression too, Hone does so of adapters that are there alone.
pub(super) fn parse_targets(text: &str) -> Result<Vec<String>, String> {
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let is_all = |name: &str| name.replace('_', "-").eq_ignore_ascii_case(LoraConfig::ALL_LINEAR);
    if names == [DEFAULT_TARGETS] {
        return Ok(Vec::new());
    }
    if let [one] = names.as_slice()
        && is_all(one)
    {
        return Ok(vec![LoraConfig::ALL_LINEAR.to_owned()]);
    }
    for name in &names {
        if *name == DEFAULT_TARGETS || is_all(name) {
            return Err(format!("{name:?} stands for several layers, so no other name goes with it"));
        }
        let is_of_name = |char: char| char.is_alphanumeric() || matches!(char, '_' | '-' | '.');
        if let Some(odd) = name.chars().find(|&char| !is_of_name(char)) {
            return Err(format!(
                "{name:?} is no name of a layer, for it has {odd:?}: regular expressions and lists in brackets are not taken; \
                 name layers or the ends of their names, with commas between, or say all-linear"
            ));
        }
    }
    Ok(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_taken_as_peft_spells_it_and_others_are_refused_by_name() {
        for (text, method) in [
            ("lora", Method::Lora),
            ("LORA", Method::Lora),
            ("LoRA", Method::Lora),
            ("full", Method::Full),
            ("last", Method::LastLayers(1)),
            ("last:3", Method::LastLayers(3)),
        ] {
            assert_eq!(parse_method(text), Ok(method), "{text}");
        }
        for (text, says) in [
            ("IA3", "\"IA3\" is of PEFT, and Hone does not train it: choose full, head, lora or last:N"),
            ("prefix-tuning", "\"prefix-tuning\" is of PEFT"),
            ("AdaLoRA", "\"AdaLoRA\" is of PEFT"),
            ("DoRA", "\"DoRA\" is the method lora with the setting use_dora"),
            ("rslora", "use_rslora"),
            ("qlora", "4 bits"),
            ("half", "\"half\" is not one of full, head, lora, last"),
            ("last:0", "is not a whole number from 1"),
        ] {
            let message = parse_method(text).expect_err(text);
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn target_modules_are_names_of_layers() {
        let owned = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        assert_eq!(parse_targets("q_proj, v_proj,"), owned(&["q_proj", "v_proj"]));
        assert_eq!(parse_targets("layer.0.attention.self.query"), owned(&["layer.0.attention.self.query"]));
        assert_eq!([parse_targets("default"), parse_targets("")], [owned(&[]), owned(&[])]);
        for all in ["all-linear", "ALL-LINEAR", "all_linear"] {
            assert_eq!(parse_targets(all), owned(&["all-linear"]), "PEFT asks not for the case");
        }
        for (text, says) in [
            (".*\\.(q|v)_proj", "has '*': regular expressions"),
            ("[\"q_proj\"", "has '['"),
            ("q_proj v_proj", "has ' ': regular expressions and lists in brackets are not taken; name layers"),
            ("all-linear, q_proj", "\"all-linear\" stands for several layers"),
            ("q_proj, default", "\"default\" stands for several layers"),
        ] {
            let message = parse_targets(text).expect_err(text);
            assert!(message.contains(says), "{message}");
        }
    }
}
