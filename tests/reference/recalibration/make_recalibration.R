# Recalibration figures: glm of outcomes on predicted log-odds, beta calibration, isotonic regression, closed tests, and
# shrinkage by the slope of rms::validate.
#
#     Rscript make_recalibration.R        writes recalibration.json beside this script
#
# A model is fitted to rows 1, 3, ... and recalibrated on rows 2, 4, ... `copies`: the i-th of those counts (i mod 3) + 1
# times. `flip`: their outcome is an event only where that predictor lies below its 90% quantile, which bends the calibration.
#
# Layout of recalibration.json: ../README.md.

suppressPackageStartupMessages({library(rms)})

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
data_dir <- file.path(here, "..", "data")
tight <- glm.control(epsilon = 1e-15, maxit = 100)

# R's vcov uses the weights of the step before the last: start again from the optimum.
tightly <- function(formula, data, weights, offset) {
  call <- list(formula, family = binomial(), data = data, weights = weights, offset = offset, control = tight)
  fit <- suppressWarnings(do.call(glm, call))
  suppressWarnings(do.call(glm, c(call, list(start = coef(fit)))))
}

figures <- function(fit) list(coef = I(unname(coef(fit))), se = I(unname(sqrt(diag(vcov(fit))))))

case <- function(name, data, outcome, columns, copies = FALSE, flip = FALSE) {
  table <- read.csv(file.path(data_dir, paste0(data, ".csv")))
  formula <- as.formula(paste(outcome, "~", paste(columns, collapse = " + ")))
  odd <- seq_len(nrow(table)) %% 2 == 1
  train <- table[odd, ]
  new <- table[!odd, ]
  if (flip) new[[outcome]] <- as.integer(new[[columns[1]]] < quantile(new[[columns[1]]], 0.9) & new[[outcome]] == 1)
  nothing <- rep(0, nrow(train))
  fit <- tightly(formula, train, rep(1, nrow(train)), nothing)
  n <- nrow(new)
  w <- if (copies) seq_len(n) %% 3 + 1 else rep(1, n)
  zero <- rep(0, n)
  lp <- as.vector(cbind(1, as.matrix(new[columns])) %*% coef(fit))
  new$y <- new[[outcome]]
  new$lp <- lp
  new$up <- plogis(lp, log.p = TRUE)
  new$down <- -plogis(-lp, log.p = TRUE)
  beta <- list(both = y ~ up + down, a = y ~ up, b = y ~ down, none = y ~ 1)
  fits <- lapply(beta, tightly, data = new, weights = w, offset = zero)
  kept <- coef(fits$both)[2:3]
  which <- if (all(kept >= 0)) "both" else if (kept[1] < 0) "b" else "a"
  stopifnot(all(coef(fits[[which]])[-1] >= 0))
  at <- list(both = 1:3, a = 1:2, b = c(1, 3), none = 1)[[which]]
  theta <- se <- rep(0, 3)
  theta[at] <- coef(fits[[which]])
  se[at] <- sqrt(diag(vcov(fits[[which]])))
  line <- tightly(y ~ lp, new, w, zero)
  level <- tightly(y ~ 1, new, w, lp)
  again <- tightly(formula, new, w, zero)
  kernel <- function(eta) sum(w * (new$y * plogis(eta, log.p = TRUE) + (1 - new$y) * plogis(-eta, log.p = TRUE)))
  logliks <- c(kernel(lp), kernel(lp + coef(level)), kernel(coef(line)[1] + coef(line)[2] * lp),
               kernel(as.vector(cbind(1, as.matrix(new[columns])) %*% coef(again))))
  df <- length(coef(again)) - 0:3
  df[4] <- 0
  statistic <- 2 * (logliks[4] - logliks)
  out <- list(name = name, data = data, formula = paste(outcome, "~", paste(columns, collapse = " + ")), copies = copies,
              flip = if (flip) columns[1] else NULL, lp = lp[1:5], intercept = figures(level), logistic = figures(line),
              beta = list(theta = theta, se = se, free = which),
              closed = list(loglik = logliks, p_value = pchisq(statistic[1:3], df[1:3], lower.tail = FALSE)))
  if (!copies && anyDuplicated(lp) == 0) {
    order <- order(lp)
    runs <- rle(round(isoreg(lp[order], new$y[order])$yf, 12))
    out$isotonic <- list(share = runs$values, rows = runs$lengths)
  }
  out
}

# The resamples of ../validation/validation.json, drawn again by the same seed.
shrinkage <- function(rows, B, seed) {
  table <- head(read.csv(file.path(data_dir, "german_credit.csv")), rows)
  fit <- lrm(bad ~ x1 + x2 + x3 + x4 + x5 + x6, data = table, x = TRUE, y = TRUE, eps = 1e-10)
  set.seed(seed)
  capture.output(found <- validate(fit, B = B, eps = 1e-10))
  slope <- unclass(found)["Slope", "index.corrected"]
  glm_fit <- tightly(bad ~ x1 + x2 + x3 + x4 + x5 + x6, table, rep(1, rows), rep(0, rows))
  lp <- predict(glm_fit)
  level <- tightly(bad ~ 1, table, rep(1, rows), slope * lp)
  list(name = "credit_rows", slope = slope, intercept = unname(coef(level)), p = unname(plogis(coef(level) + slope * lp))[1:5])
}

credit <- paste0("x", 1:6)
cases <- list(
  maps = list(case("credit", "german_credit", "bad", credit), case("wells", "wells", "switched", c("dist100", "arsenic")),
              case("wells_copies", "wells", "switched", c("dist100", "arsenic", "educ4"), copies = TRUE),
              case("wells_bent", "wells", "switched", c("arsenic", "dist100"), flip = TRUE)),
  shrink = list(shrinkage(200, 25, 11)))
made_with <- list(R = R.version.string, rms = as.character(packageVersion("rms")), script = "make_recalibration.R")
writeLines(to_json(list(made_with = made_with, cases = cases)), file.path(here, "recalibration.json"))
