# Cluster-robust covariances and tests of whole terms: sandwich::vcovCL, clubSandwich::vcovCR, drop1, anova, lmtest.
#
#     Rscript make_cluster.R       writes cluster.json beside this script
#
# Layout of cluster.json: ../README.md.

suppressPackageStartupMessages({library(sandwich); library(clubSandwich); library(lmtest)})

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
pupils <- read.csv(file.path(here, "..", "data", "pupils.csv"), stringsAsFactors = FALSE)
TIGHT <- glm.control(epsilon = 1e-14, maxit = 100)

# name, formula for problogit, right side for R, response for R, keywords of LogitModel, the terms as formulaic names them
BASE <- c("Intercept", "hours", "arm[T.long]", "arm[T.short]", "prep")
CASES <- list(
  list(name = "binary", left = "passed", trials = NULL, weights = NULL, weights_type = NULL, offset = NULL),
  list(name = "offset", left = "passed", trials = NULL, weights = NULL, weights_type = NULL, offset = "dose"),
  list(name = "counts", left = "solved", trials = "tries", weights = NULL, weights_type = NULL, offset = NULL),
  list(name = "importance", left = "passed", trials = NULL, weights = "weight", weights_type = "importance", offset = NULL),
  list(name = "sampling", left = "passed", trials = NULL, weights = "weight", weights_type = "sampling", offset = NULL),
  list(name = "frequency", left = "passed", trials = NULL, weights = "count", weights_type = "frequency", offset = NULL)
)

fit_case <- function(x, frame, rhs = "hours + arm + prep") {
  m <- if (is.null(x$trials)) rep(1, nrow(frame)) else frame[[x$trials]]
  w <- if (is.null(x$weights) || x$weights_type == "frequency") rep(1, nrow(frame)) else frame[[x$weights]]
  if (identical(x$weights_type, "sampling")) w <- w * length(w) / sum(w)
  frame$.p <- frame[[x$left]] / m
  frame$.w <- m * w
  frame$.o <- if (is.null(x$offset)) rep(0, nrow(frame)) else frame[[x$offset]]
  run <- function(start) {
    arguments <- list(as.formula(paste(".p ~", rhs)), family = binomial(), data = frame, weights = frame$.w,
                      offset = frame$.o, start = start, control = TIGHT)
    suppressWarnings(do.call(glm, arguments)) # fractional weights: "non-integer #successes"
  }
  run(unname(coef(run(NULL)))) # a refit from the optimum: vcov() uses the weights of the step before
}

plain <- function(V) unname(matrix(as.numeric(V), nrow(V)))

# Negative eigenvalues set to zero in the metric of the information matrix: V = L M L' with L L' the classical covariance.
repaired <- function(V, classical) {
  L <- t(chol(classical))
  e <- eigen(solve(L, t(solve(L, V))), symmetric = TRUE)
  if (all(e$values >= 0)) return(list(value = V, repaired = FALSE))
  list(value = L %*% e$vectors %*% diag(pmax(e$values, 0)) %*% t(e$vectors) %*% t(L), repaired = TRUE)
}

figures <- function(x) {
  frame <- pupils
  if (identical(x$weights_type, "frequency")) frame <- frame[rep(seq_len(nrow(frame)), frame$count), ]
  fit <- fit_case(x, frame)
  both <- interaction(frame$school, frame$year, drop = TRUE)
  cr <- function(cluster, type) plain(vcovCR(fit, cluster = cluster, type = type))
  cl <- function(cluster) plain(vcovCL(fit, cluster = cluster, type = "HC1", cadjust = TRUE))
  two_way <- function(type) cr(frame$school, type) + cr(frame$year, type) - cr(both, type)
  V <- vcovCL(fit, cluster = frame$school, type = "HC1")
  list(
    name = x$name, data = "pupils", formula = paste(x$left, "~ hours + arm + prep"), event = NULL, trials = x$trials,
    weights = x$weights, weights_type = x$weights_type, offset = x$offset, terms = I(BASE), coef = I(unname(coef(fit))),
    school = list(CR1 = cl(frame$school), CR2 = cr(frame$school, "CR2"), CR3 = cr(frame$school, "CR3")),
    year = list(CR1 = cl(frame$year), CR2 = cr(frame$year, "CR2"), CR3 = cr(frame$year, "CR3")),
    school_year = lapply(list(CR1 = cl(frame[c("school", "year")]), CR2 = two_way("CR2"), CR3 = two_way("CR3")),
                         repaired, classical = plain(vcov(fit))),
    row = list(CR2 = plain(vcovHC(fit, type = "HC2")), CR3 = plain(vcovHC(fit, type = "HC3"))),
    wald_arm = {
      b <- coef(fit)[3:4]
      drop(t(b) %*% solve(V[3:4, 3:4], b))
    }
  )
}

# Whole terms: likelihood ratio and Rao's score by drop1 and by anova, Wald by lmtest with the model's and the cluster's
# covariance. The formula has a factor of three levels and an interaction with it.
term_tests <- function() {
  x <- CASES[[1]]
  big <- fit_case(x, pupils, "hours + arm * prep")
  small <- fit_case(x, pupils, "hours + prep")
  main <- fit_case(x, pupils)
  by_term <- function(test, column) setNames(as.list(drop1(main, test = test)[c("hours", "arm", "prep"), column]),
                                             c("hours", "arm", "prep"))
  V <- vcovCL(big, cluster = pupils$school, type = "HC1")
  wald <- function(vcov) waldtest(small, big, vcov = vcov, test = "Chisq")$Chisq[2]
  list(
    formula = "passed ~ hours + arm + prep", lr = by_term("LRT", "LRT"), rao = by_term("Rao", "Rao score"),
    lr_p = by_term("LRT", "Pr(>Chi)"),
    small = "passed ~ hours + prep", big = "passed ~ hours + arm * prep",
    anova_lr = anova(small, big, test = "LRT")$Deviance[2], anova_df = anova(small, big, test = "LRT")$Df[2],
    anova_lr_p = anova(small, big, test = "LRT")[["Pr(>Chi)"]][2],
    anova_rao = anova(small, big, test = "Rao")$Rao[2],
    lrtest = lrtest(small, big)$Chisq[2],
    wald = wald(vcov(big)), wald_cluster = wald(V)
  )
}

made_with <- list(r = R.version.string, sandwich = as.character(packageVersion("sandwich")),
                  clubSandwich = as.character(packageVersion("clubSandwich")),
                  lmtest = as.character(packageVersion("lmtest")), epsilon = 1e-14)
found <- list(made_with = made_with, cases = lapply(CASES, figures), tests = term_tests())
writeLines(to_json(found), file.path(here, "cluster.json"))
