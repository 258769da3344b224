# Penalized figures: glmnet, standardize = FALSE, at a tight threshold.
#
#     Rscript make_glmnet.R        writes glmnet.json beside this script
#
# glmnet minimises -loglik/n + lambda (alpha |b|_1 + (1 - alpha)/2 |b|_2^2). The figures are on the sum scale:
# -loglik + l1 |b|_1 + l2/2 |b|_2^2 with l1 = n lambda alpha, l2 = n lambda (1 - alpha); the intercept is free.

suppressPackageStartupMessages(library(glmnet))

here <- dirname(normalizePath(sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])))
source(file.path(here, "..", "json.R"))
glmnet.control(fdev = 0, devmax = 1, pmin = 1e-15, mnlam = 1)

DATA <- list(
  dense = "200 rows, 10 correlated columns of different spread",
  wide = "100 rows, 150 columns",
  words = "500 rows, 100 columns of 0 and 1"
)
FRACTIONS <- c(0.5, 0.2, 0.08, 0.03) # of the smallest lambda without any slope
ALPHAS <- c(lasso = 1, elastic_net = 0.5, ridge = 0)

solve_path <- function(X, y, alpha, lambdas) {
  ladder <- max(lambdas) * 0.8^(0:60)
  ladder <- sort(unique(c(ladder[ladder > min(lambdas)], lambdas)), decreasing = TRUE)
  fit <- glmnet(X, y, family = "binomial", alpha = alpha, lambda = ladder, standardize = FALSE, thresh = 1e-24,
                maxit = 1e9)
  stopifnot(length(fit$lambda) == length(ladder))
  sapply(lambdas, function(l) c(fit$a0[which(ladder == l)], fit$beta[, which(ladder == l)]))
}

figures <- function(name) {
  frame <- read.csv(file.path(here, "..", "data", paste0(name, ".csv")))
  X <- as.matrix(frame[-1])
  y <- frame$y
  n <- length(y)
  top <- max(abs(crossprod(X, y - mean(y)))) / n
  out <- list()
  for (kind in names(ALPHAS)) {
    alpha <- ALPHAS[[kind]]
    lambdas <- FRACTIONS * top / max(alpha, 0.1)
    coefs <- solve_path(X, y, alpha, lambdas)
    for (i in seq_along(lambdas)) {
      b <- unname(coefs[, i])
      eta <- b[1] + drop(X %*% b[-1])
      loglik <- sum(plogis(ifelse(y == 1, eta, -eta), log.p = TRUE))
      l1 <- n * lambdas[i] * alpha
      l2 <- n * lambdas[i] * (1 - alpha)
      out[[length(out) + 1]] <- list(
        name = paste(name, kind, i, sep = "_"), data = name, formula = "y ~ .", event = NULL, trials = NULL,
        weights = NULL, weights_type = NULL, offset = NULL, note = DATA[[name]], kind = kind,
        terms = I(c("Intercept", colnames(X))), nobs = n, lambda = lambdas[i], alpha = alpha, l1 = l1, l2 = l2,
        coef = I(b), support = I(colnames(X)[b[-1] != 0]), n_support = sum(b[-1] != 0), loglik = loglik,
        penalty = l1 * sum(abs(b[-1])) + l2 / 2 * sum(b[-1]^2),
        objective = -loglik + l1 * sum(abs(b[-1])) + l2 / 2 * sum(b[-1]^2)
      )
    }
  }
  out
}

made_with <- list(r = R.version.string, glmnet = as.character(packageVersion("glmnet")), thresh = 1e-24)
results <- do.call(c, lapply(names(DATA), figures))
writeLines(to_json(list(made_with = made_with, cases = results)), file.path(here, "glmnet.json"))
