# Calibration figures: rms::val.prob, pROC, and glm of the outcome on the predicted log-odds.
#
#     Rscript make_calibration.R       writes calibration.json beside this script
#
# Layout of calibration.json: ../README.md.

suppressPackageStartupMessages({library(rms); library(pROC)})

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
data_dir <- file.path(here, "..", "data")
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)

# Events s of m at predicted log-odds eta.
figures <- function(eta, s, m) {
  p <- plogis(eta)
  slope <- glm(cbind(s, m - s) ~ eta, family = binomial, control = TIGHT)
  large <- glm(cbind(s, m - s) ~ 1 + offset(eta), family = binomial, control = TIGHT)
  se <- function(fit, k) sqrt(diag(vcov(update(fit, etastart = fit$linear.predictors))))[[k]]
  out <- list(eta = head(eta, 10), expected = sum(m * p), observed = sum(s),
              slope = coef(slope)[[2]], slope_se = se(slope, 2), intercept = coef(large)[[1]], intercept_se = se(large, 1),
              brier = sum(s * (1 - p)^2 + (m - s) * p^2) / sum(m),
              log_score = -sum(s * plogis(eta, log.p = TRUE) + (m - s) * plogis(-eta, log.p = TRUE)) / sum(m))
  outcome <- unlist(mapply(function(a, b) rep(1:0, c(a, b - a)), s, m))
  curve <- roc(outcome, rep(eta, m), quiet = TRUE, direction = "<")
  out$auc <- as.numeric(auc(curve))
  out$auc_se <- sqrt(var(curve, method = "delong"))
  checked <- suppressWarnings(val.prob(rep(p, m), outcome, pl = FALSE))
  out$val_prob <- as.list(checked[c("Brier", "Slope")])
  names(out$val_prob) <- c("brier", "slope")
  out
}

external <- function(name, data, formula, outcome) {
  table <- read.csv(file.path(data_dir, paste0(data, ".csv")))
  odd <- seq_len(nrow(table)) %% 2 == 1
  fit <- glm(as.formula(formula), family = binomial, data = table[odd, ], control = TIGHT)
  rest <- table[!odd, ]
  c(list(name = name, data = data, formula = formula, how = "fitted to rows 1, 3, ...; judged on rows 2, 4, ..."),
    figures(predict(fit, rest), rest[[outcome]], rep(1, nrow(rest))))
}

leave_one_out <- function(name, data, formula, r_formula, outcome, trials = NULL, rows = NULL) {
  table <- read.csv(file.path(data_dir, paste0(data, ".csv")))
  if (!is.null(rows)) table <- head(table, rows)
  eta <- vapply(seq_len(nrow(table)), function(i) {
    fit <- suppressWarnings(glm(as.formula(r_formula), family = binomial, data = table[-i, ], control = TIGHT))
    predict(fit, table[i, ])[[1]]
  }, 0)
  m <- if (is.null(trials)) rep(1, nrow(table)) else table[[trials]]
  c(list(name = name, data = data, formula = formula, rows = nrow(table), trials = trials,
         how = "every row predicted by a fit to the others"), figures(eta, table[[outcome]], m))
}

cases <- list(
  external("german_credit", "german_credit", paste("bad ~", paste0("x", 1:24, collapse = " + ")), "bad"),
  external("wells_ties", "wells", "switched ~ assoc + educ", "switched"),
  leave_one_out("wells_120", "wells", "switched ~ dist100 + arsenic + educ4", "switched ~ dist100 + arsenic + educ4",
                "switched", rows = 120),
  leave_one_out("seeds", "seeds", "germinated ~ variety * extract", "cbind(germinated, planted - germinated) ~ variety * extract",
                "germinated", trials = "planted"))
made_with <- list(R = R.version.string, rms = as.character(packageVersion("rms")),
                  pROC = as.character(packageVersion("pROC")), script = "make_calibration.R")
writeLines(to_json(list(made_with = made_with, cases = cases)), file.path(here, "calibration.json"))
