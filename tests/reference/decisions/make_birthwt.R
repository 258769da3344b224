# Probabilities of a low birth weight by glm on MASS::birthwt: on its own rows, and of each row by a fit to the others.
#
#     Rscript make_birthwt.R       writes birthwt.json beside this script
#
# The data are MASS's (GPL) and are not copied; the file holds probabilities and outcomes. Layout: ../README.md.

suppressPackageStartupMessages(library(MASS))

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)

bwt <- with(birthwt, data.frame(low, age, lwt, race = factor(race), smoke, ptl, ht, ui, ftv))
formula <- low ~ age + lwt + race + smoke + ptl + ht + ui
full <- glm(formula, family = binomial, data = bwt, control = TIGHT)
loo <- vapply(seq_len(nrow(bwt)), function(i) {
  predict(glm(formula, family = binomial, data = bwt[-i, ], control = TIGHT), bwt[i, ], type = "response")[[1]]
}, 0)
benefit <- function(p, t) mean(bwt$low * (p >= t)) - mean((1 - bwt$low) * (p >= t)) * t / (1 - t)
cuts <- c(0.1, 0.2, 0.3, 0.4, 0.5)
cases <- list(list(formula = deparse(formula), outcome = bwt$low, apparent = unname(fitted(full)), loo = loo,
                   thresholds = cuts, net_benefit_apparent = sapply(cuts, function(t) benefit(fitted(full), t)),
                   net_benefit_loo = sapply(cuts, function(t) benefit(loo, t)),
                   treat_all = sapply(cuts, function(t) benefit(rep(1, nrow(bwt)), t))))
made_with <- list(R = R.version.string, MASS = as.character(packageVersion("MASS")), script = "make_birthwt.R")
writeLines(to_json(list(made_with = made_with, cases = cases)), file.path(here, "birthwt.json"))
