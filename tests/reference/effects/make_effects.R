# Average marginal effects, standardised risks, their differences and ratios, with delta-method standard errors, by base R:
# glm, model.matrix on changed tables, and the exact gradient. No package for marginal effects has a part in it.
#
#     Rscript make_effects.R       writes effects.json beside this script
#
# Layout of effects.json: ../README.md.

suppressPackageStartupMessages(library(splines))

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)

fit_of <- function(data, left, rhs, event = NULL, trials = NULL, weights = NULL, weights_type = NULL, offset = NULL) {
  frame <- read.csv(file.path(here, "..", "data", paste0(data, ".csv")), stringsAsFactors = TRUE)
  kind <- if (is.null(weights_type)) "" else weights_type
  if (kind == "frequency") frame <- frame[rep(seq_len(nrow(frame)), frame[[weights]]), ]
  w <- if (kind == "importance") frame[[weights]] else rep(1, nrow(frame))
  m <- if (is.null(trials)) rep(1, nrow(frame)) else frame[[trials]]
  events <- if (is.null(event)) frame[[left]] else as.numeric(frame[[left]] == event)
  frame$.p <- events / m
  frame$.w <- m * w
  frame$.o <- if (is.null(offset)) rep(0, nrow(frame)) else frame[[offset]]
  fit <- suppressWarnings(do.call(glm, list(as.formula(paste(".p ~", rhs)), family = binomial(), data = frame,
                                            weights = frame$.w, offset = frame$.o, control = TIGHT)))
  fit <- suppressWarnings(do.call(glm, list(as.formula(paste(".p ~", rhs)), family = binomial(), data = frame,
                                            weights = frame$.w, offset = frame$.o, control = TIGHT, start = coef(fit))))
  # information at the optimum itself, not of the step before
  X <- model.matrix(fit)
  p <- as.vector(plogis(X %*% coef(fit) + frame$.o))
  R <- qr.R(qr(sweep(X * sqrt(frame$.w * p * (1 - p)), 2, size <- sqrt(colSums(X^2)), "/")))
  list(fit = fit, frame = frame, V = chol2inv(R) / outer(size, size))
}

design <- function(m, table) model.matrix(delete.response(terms(m$fit)), table, xlev = m$fit$xlevels,
                                          contrasts.arg = m$fit$contrasts)

# average probability of a table and its gradient; `keep` picks the rows of a group
risk <- function(m, table, keep = rep(TRUE, nrow(table))) {
  X <- design(m, table)
  p <- as.vector(plogis(X %*% coef(m$fit) + table$.o))
  w <- table$.w * keep / sum(table$.w * keep)
  list(value = sum(w * p), gradient = colSums(X * (w * p * (1 - p))))
}

# dX/dx, exact for piecewise cubics: the cubic through four points of the piece between knots in which x lies.
# `knots`: all knots with the ends of the range. For log() the fourth-order difference with a relative step.
dX <- function(m, table, name, knots = NULL) {
  x <- table[[name]]
  at <- function(values) { table[[name]] <- values; design(m, table) }
  if (is.null(knots)) {
    h <- 1e-3 * abs(x)
    return((8 * (at(x + h) - at(x - h)) - (at(x + 2 * h) - at(x - 2 * h))) / (12 * h))
  }
  j <- findInterval(x, knots, rightmost.closed = TRUE, all.inside = TRUE)
  a <- knots[j]; step <- (knots[j + 1] - a) / 3
  t <- (x - a) / step
  # derivatives of the Lagrange polynomials of the nodes 0, 1, 2, 3
  weights <- cbind(-(3 * t^2 - 12 * t + 11) / 6, (3 * t^2 - 10 * t + 6) / 2, -(3 * t^2 - 8 * t + 3) / 2, (3 * t^2 - 6 * t + 2) / 6)
  Reduce(`+`, lapply(0:3, function(k) at(a + k * step) * weights[, k + 1])) / step
}

slope <- function(m, table, name, knots = NULL, keep = rep(TRUE, nrow(table))) {
  X <- design(m, table)
  D <- dX(m, table, name, knots)
  b <- coef(m$fit)
  p <- as.vector(plogis(X %*% b + table$.o))
  d <- as.vector(D %*% b)
  w <- table$.w * keep / sum(table$.w * keep)
  line(m, sum(w * p * (1 - p) * d), colSums(X * (w * p * (1 - p) * (1 - 2 * p) * d) + D * (w * p * (1 - p))))
}

line <- function(m, value, gradient) list(estimate = value, std_error = sqrt(as.vector(gradient %*% m$V %*% gradient)))

set <- function(table, ...) { given <- list(...); for (name in names(given)) {
  value <- given[[name]]
  table[[name]] <- if (is.factor(table[[name]])) factor(value, levels = levels(table[[name]])) else value }
  table }

compare <- function(m, high, low, keep = rep(TRUE, nrow(high))) {
  a <- risk(m, high, keep); b <- risk(m, low, keep)
  odds <- function(r) r$value / (1 - r$value)
  ratio <- a$value / b$value
  or <- odds(a) / odds(b)
  g_ratio <- ratio * (a$gradient / a$value - b$gradient / b$value)
  list(difference = line(m, a$value - b$value, a$gradient - b$gradient),
       ratio = line(m, ratio, g_ratio),
       lift = line(m, ratio - 1, g_ratio),
       odds_ratio = line(m, or, or * (a$gradient / (a$value * (1 - a$value)) - b$gradient / (b$value * (1 - b$value)))),
       probability = line(m, a$value, a$gradient))
}

# one case: how the model is fitted, and named results
case <- function(name, arguments, rhs, results) {
  m <- do.call(fit_of, c(arguments, rhs = rhs))
  c(list(name = name), arguments[setdiff(names(arguments), "left")],
    list(formula_left = arguments$left, rhs = rhs, results = results(m, m$frame)))
}

CASES <- list(
  case("interaction", list(data = "clinic", left = "outcome", event = "relapse"), "arm * age + smoker", function(m, d) list(
    high = compare(m, set(d, arm = "high"), set(d, arm = "control")),
    low = compare(m, set(d, arm = "low"), set(d, arm = "control")),
    high_low = compare(m, set(d, arm = "high"), set(d, arm = "low")),
    smoker = compare(m, set(d, smoker = 1), set(d, smoker = 0)),
    ten_years = compare(m, transform(d, age = age + 10), d),
    age = slope(m, d, "age", range(d$age)),
    age_of_high = slope(m, d, "age", range(d$age), d$arm == "high"),
    high_at_30 = compare(m, set(d, arm = "high", age = 30), set(d, arm = "control", age = 30)),
    high_at_50_smokers = compare(m, set(d, arm = "high", age = 50), set(d, arm = "control", age = 50), d$smoker == 1))),
  case("splines", list(data = "pupils", left = "passed"), "ns(hours, df = 3) * prep + bs(dose, df = 5) + arm", function(m, d) list(
    hours = slope(m, d, "hours", c(min(d$hours), quantile(d$hours, c(1, 2) / 3), max(d$hours))),
    dose = slope(m, d, "dose", c(min(d$dose), quantile(d$dose, c(1, 2) / 3), max(d$dose))),
    hours_2_to_5 = compare(m, set(d, hours = 5), set(d, hours = 2)),
    prep = compare(m, set(d, prep = 1), set(d, prep = 0)),
    long = compare(m, set(d, arm = "long"), set(d, arm = "control")))),
  case("powers", list(data = "pupils", left = "passed"), "log(hours + 1) + poly(dose, 2) * arm + I(year^2)", function(m, d) list(
    hours = slope(m, d, "hours"),
    dose = slope(m, d, "dose", range(d$dose)),
    year = slope(m, d, "year", range(d$year)),
    short = compare(m, set(d, arm = "short"), set(d, arm = "control")))),
  case("counts", list(data = "pupils", left = "solved", trials = "tries", offset = "dose"), "hours * prep + arm", function(m, d) list(
    hours = slope(m, d, "hours", range(d$hours)),
    prep = compare(m, set(d, prep = 1), set(d, prep = 0)),
    short = compare(m, set(d, arm = "short"), set(d, arm = "control")))),
  case("importance", list(data = "clinic", left = "outcome", event = "relapse", weights = "weight", weights_type = "importance"),
       "arm + age + I(age^2) + smoker", function(m, d) list(
    age = slope(m, d, "age", range(d$age)),
    smoker = compare(m, set(d, smoker = 1), set(d, smoker = 0)),
    high = compare(m, set(d, arm = "high"), set(d, arm = "control")))),
  case("frequency", list(data = "survey", left = "vote", weights = "count", weights_type = "frequency"),
       "region * owner + income", function(m, d) list(
    income = slope(m, d, "income", range(d$income)),
    owner = compare(m, set(d, owner = 1), set(d, owner = 0)),
    south_north = compare(m, set(d, region = "south"), set(d, region = "north")),
    owner_of_south = compare(m, set(d, owner = 1), set(d, owner = 0), d$region == "south")))
)
made <- list(R = R.version.string, splines = as.character(packageVersion("splines")))
writeLines(to_json(list(made_with = made, cases = CASES)), file.path(here, "effects.json"))
