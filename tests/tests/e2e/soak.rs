//! Runs of the page that are cut off by reloads, kills of the worker and losses of the GPU, at moments that nobody chose: each is
//! gone on with by the button, and ends as one that was left alone. Long: `cargo xtask soak --browser` says how many of each.

use std::env;
use std::time::{Duration, Instant};

use hone_core::splitmix64::SplitMix64;
use hone_tests::browser::WebGpu;

use crate::device_loss::{kill_worker, lose_device};
use crate::kept_run::{reload, shown, wait_until_saved};
use crate::site::{DEVICE_SECS, READ_SECS, Site};

/// Seed of the moments, where none is given.
const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// A run is left alone for at most such a part of the time that it takes.
const WAIT_PART: u64 = 12;

/// On the CPU.
const CPU_RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "120"), ("batch_size", "8"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];
/// On a software GPU, where a step takes longer.
const GPU_RECIPE: &[(&str, &str)] =
    &[("num_train_epochs", "40"), ("batch_size", "8"), ("learning_rate", "1e-3"), ("max_seq_length", "32")];

/// Of the last loss on the CPU, which went through JSON.
const CPU_LOSS_TOLERANCE: f64 = 1e-9;
/// The same on a GPU: each opening of the device chooses the faster of two kernels, which do not round alike.
const GPU_LOSS_TOLERANCE: f64 = 0.02;

/// A number that `cargo xtask soak` gives.
fn from_env(name: &str, default: u64) -> u64 {
    let given = env::var(name).ok();
    given.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no whole number: {text}")))
}

/// What cuts a run off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Reload,
    Kill,
    Loss,
}

/// What came of the cuts of one kind.
#[derive(Debug, Default)]
struct Tally {
    cuts: u64,
    /// Runs that ended, after however many cuts.
    ended: u32,
    /// Of these, those that ended otherwise than the run that was left alone: how.
    differing: Vec<String>,
    secs: f64,
}

/// What a run comes to: its evaluations, its curves, its last loss, and the accuracy of its weights on the test rows.
struct End {
    evaluations: String,
    curves: String,
    loss: f64,
    accuracy: f64,
}

impl End {
    /// Of the run that is over, or soon is.
    fn of(site: &Site) -> Self {
        let (evaluations, curves, loss) = shown(site);
        site.evaluate("accuracy");
        Self { evaluations, curves, loss, accuracy: site.figure("accuracy")[1] }
    }
}

/// A page on which runs are cut off.
struct Victim<'a> {
    site: &'a Site,
    expected: End,
    is_on_gpu: bool,
    /// Milliseconds that a run is left alone at most.
    max_wait_ms: u64,
}

impl<'a> Victim<'a> {
    /// Opens the model and the rows, and has a run that is left alone.
    fn new(site: &'a Site, recipe: &[(&str, &str)], is_on_gpu: bool) -> Self {
        site.load_tiny();
        site.load_rows(60);
        site.set_recipe(recipe);
        let began = Instant::now();
        site.start();
        site.finish();
        let max_wait_ms = began.elapsed().as_millis() as u64 / WAIT_PART;
        Self { site, expected: End::of(site), is_on_gpu, max_wait_ms }
    }

    /// Starts the next run, which is saved once then: one that never was can't be gone on with.
    fn begin(&self) {
        let browser = &self.site.browser;
        browser.go_to("train");
        browser.click("start");
        let asked = "return document.querySelector('[data-testid=lose-weights]') ? 'asked' : \
            document.querySelector('[data-testid=pause]') ? 'begun' : false";
        if browser.wait_until("the run begins", READ_SECS, asked, Vec::new()) == "asked" {
            browser.click("lose-weights");
        }
        browser.wait_for("pause", READ_SECS);
        wait_until_saved(self.site);
    }

    /// Cuts off the run; false where it was over before.
    fn cut(&self, cut: Cut) -> bool {
        let browser = &self.site.browser;
        match cut {
            Cut::Reload => reload(self.site),
            Cut::Kill => {
                kill_worker(self.site);
                browser.click("restart-worker");
                self.site.wait_for_device();
            }
            Cut::Loss => {
                lose_device(self.site);
                let outcome = "return document.querySelector('[data-testid=problem-message]') ? 'lost' : \
                    document.querySelector('[data-testid=run-finished]') ? 'over' : false";
                if browser.wait_until("the loss is noticed", READ_SECS, outcome, Vec::new()) == "over" {
                    reload(self.site); // for another device
                    return false;
                }
            }
        }
        true
    }

    /// Opens the run that was cut off; false where it was over, and all of it saved. A run that `has_failed` on this page is
    /// offered once the storage was looked through; until then another may be.
    fn go_on(&self, has_failed: bool) -> bool {
        let browser = &self.site.browser;
        let offered = "const button = document.querySelector('[data-testid=open-run]'); \
            return !!button && !button.disabled && (!arguments[0] || button.textContent.includes('Go on'))";
        browser.wait_until("the run is offered", READ_SECS, offered, vec![has_failed.into()]);
        browser.click("open-run");
        let opened = "return document.querySelector('[data-testid=problem-message]')?.textContent || \
            (document.querySelector('[data-testid=pause]') ? 'goes on' : \
            document.querySelector('[data-testid=run-finished], [data-testid=evaluate-run]') ? 'is over' : false)";
        let found = browser.wait_until("the run is opened", DEVICE_SECS, opened, Vec::new());
        match found.as_str() {
            Some("goes on") => true,
            Some("is over") => false,
            said => browser.fail(&format!("the run does not go on: {said:?}")),
        }
    }

    /// Runs that are cut off so often, one after the other, each until its end.
    fn endure(&self, cut: Cut, count: u64, moments: &mut SplitMix64) -> Tally {
        let began = Instant::now();
        let mut tally = Tally::default();
        while tally.cuts < count {
            self.begin();
            while tally.cuts < count {
                std::thread::sleep(Duration::from_millis(moments.draw_below(self.max_wait_ms)));
                if self.site.browser.has("run-finished") {
                    break;
                }
                let is_cut = self.cut(cut);
                tally.cuts += u64::from(is_cut);
                if !self.go_on(is_cut && cut == Cut::Loss) {
                    break;
                }
            }
            let end = End::of(self.site);
            tally.ended += 1;
            tally.differing.extend(self.difference(&end));
        }
        tally.secs = began.elapsed().as_secs_f64();
        tally
    }

    /// How a run ended otherwise than the one that was left alone.
    fn difference(&self, end: &End) -> Option<String> {
        let expected = &self.expected;
        let losses = format!("last loss {} instead of {}", end.loss, expected.loss);
        if self.is_on_gpu {
            return ((end.loss - expected.loss).abs() > GPU_LOSS_TOLERANCE).then_some(losses);
        }
        if (end.loss - expected.loss).abs() > CPU_LOSS_TOLERANCE {
            return Some(losses);
        }
        if end.accuracy != expected.accuracy {
            return Some(format!("accuracy {} instead of {}", end.accuracy, expected.accuracy));
        }
        let is_same = end.evaluations == expected.evaluations && end.curves == expected.curves;
        (!is_same).then(|| "other figures on the way".to_owned())
    }
}

#[test]
#[ignore = "long; cargo xtask soak --browser"]
fn runs_survive_whatever_happens() {
    let counts = [("HONE_SOAK_RELOADS", 30), ("HONE_SOAK_KILLS", 10), ("HONE_SOAK_LOSSES", 10)];
    let [reloads, kills, losses] = counts.map(|(name, default)| from_env(name, default));
    let seed = from_env("HONE_SOAK_SEED", SEED);
    let mut moments = SplitMix64::new(seed);
    let mut tallies = Vec::new();
    if reloads + kills > 0 {
        let Some(site) = Site::open(WebGpu::NoAdapter) else { return };
        let victim = Victim::new(&site, CPU_RECIPE, false);
        tallies.push(("the page is reloaded", victim.endure(Cut::Reload, reloads, &mut moments)));
        tallies.push(("the worker is killed", victim.endure(Cut::Kill, kills, &mut moments)));
    }
    if losses > 0 {
        let Some(site) = Site::open(WebGpu::Software) else { return };
        let victim = Victim::new(&site, GPU_RECIPE, true);
        tallies.push(("the GPU is lost", victim.endure(Cut::Loss, losses, &mut moments)));
    }

    eprintln!("\nseed {seed}");
    eprintln!("{:<24} {:>6} {:>12} {:>14} {:>8}", "cut off as", "cuts", "ended runs", "other ends", "seconds");
    for (how, tally) in &tallies {
        let Tally { cuts, ended, differing, secs } = tally;
        eprintln!("{how:<24} {cuts:>6} {ended:>12} {:>14} {secs:>8.0}", differing.len());
    }
    for (how, tally) in tallies {
        assert!(tally.cuts == 0 || tally.ended > 0, "{how}: no run ended");
        assert!(tally.differing.is_empty(), "{how}: {:?}", tally.differing);
    }
}
