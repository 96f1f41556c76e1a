# Reference values for serum HER2: the mixed model by lme4, areas by pROC, the landmark by survival, and the model with
# values below detection by numerical integration in base R. Written to reference.json beside this script:
#   Rscript reference.R
suppressPackageStartupMessages({library(lme4); library(pROC); library(survival)})
here <- dirname(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE)))
visits <- read.csv(file.path(here, "visits.csv"), colClasses = c(value = "character"))
visits$responds <- as.numeric(visits$response == "response")
visits$y <- log(visits$uncensored)
out <- list()

# --- lme4, no limit of detection ---
control <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10))
for (restricted in c(TRUE, FALSE)) {
  fit <- lmer(y ~ responds * cycle + (cycle | donor_id), visits, REML = restricted, control = control)
  spread <- as.data.frame(VarCorr(fit))
  name <- if (restricted) "reml" else "ml"
  out[[name]] <- list(effects = unname(fixef(fit)), errors = unname(sqrt(diag(as.matrix(vcov(fit))))),
                      sd_level = spread$sdcor[1], sd_slope = spread$sdcor[2], correlation = spread$sdcor[3],
                      sigma = sigma(fit), loglik = as.numeric(logLik(fit)))
}

# --- values below detection: random intercept, each patient integrated numerically ---
visits$below <- startsWith(visits$value, "<")
visits$limited <- log(as.numeric(sub("<", "", visits$value)))
X <- cbind(1, visits$responds, visits$cycle, visits$responds * visits$cycle)
patients <- split(seq_len(nrow(visits)), visits$donor_id)
minus_loglik <- function(par) {
  mu <- X %*% par[1:4]; sigma <- exp(par[5]); tau <- exp(par[6])
  -sum(sapply(patients, function(rows) {
    log_f <- function(b) sapply(b, function(one) {
      sum(ifelse(visits$below[rows], pnorm(visits$limited[rows], mu[rows] + one, sigma, log.p = TRUE),
                 dnorm(visits$limited[rows], mu[rows] + one, sigma, log = TRUE))) + dnorm(one, 0, tau, log = TRUE)
    })
    top <- optimize(log_f, c(-6, 6) * tau, maximum = TRUE)
    log(integrate(function(b) exp(log_f(b) - top$objective), top$maximum - 8 * sigma, top$maximum + 8 * sigma,
                  rel.tol = 1e-9, subdivisions = 500)$value) + top$objective
  }))
}
start <- c(out$ml$effects, log(out$ml$sigma), log(out$ml$sd_level))
safely <- function(par) tryCatch(minus_loglik(par), error = function(fault) 1e6) # a far step of the search
found <- optim(start, safely, method = "Nelder-Mead", control = list(reltol = 1e-8, maxit = 1000))
found <- optim(found$par, safely, method = "BFGS", control = list(reltol = 1e-13, maxit = 300), hessian = TRUE)
out$below <- list(effects = found$par[1:4], errors = sqrt(diag(solve(found$hessian)))[1:4], sigma = exp(found$par[5]),
                  sd_level = exp(found$par[6]), loglik = -found$value)

# --- ROC at the looks ---
at <- function(cycle) {
  rows <- visits[visits$cycle == cycle, ]
  setNames(rows$y, rows$donor_id)
}
first <- at(0)
responds <- setNames(visits$responds[visits$cycle == 0], visits$donor_id[visits$cycle == 0])
score <- list("0" = first)
for (look in c(2, 4, 6)) {
  now <- at(look)
  score[[as.character(look)]] <- first[names(now)] - now
}
out$roc <- lapply(score, function(values) {
  curve <- roc(responds[names(values)], values, direction = "<", quiet = TRUE)
  best <- coords(curve, "best", best.method = "youden", ret = c("sensitivity", "specificity"))
  list(area = as.numeric(auc(curve)), error = sqrt(var(curve, method = "delong")), youden =
         max(best$sensitivity + best$specificity - 1))
})
given <- table(first >= log(15), responds)
out$given <- list(sensitivity = mean(first[responds == 1] >= log(15)), specificity = mean(first[responds == 0] < log(15)),
                  p = fisher.test(given)$p.value)

# --- landmark at cycle 2 ---
rows <- visits[visits$cycle == 2, ]
rows$change <- (first[rows$donor_id] - rows$y) / log(2)
rows$level <- first[rows$donor_id] / log(2)
rows$event <- as.numeric(!is.na(rows$progression_day))
rows$days <- ifelse(rows$event == 1, rows$progression_day, rows$last_day) - rows$day
rows <- rows[rows$days > 0, ]
cox <- coxph(Surv(days, event) ~ change + level, rows, ties = "efron")
out$landmark <- list(n = nrow(rows), events = sum(rows$event), coefficients = unname(coef(cox)),
                     errors = unname(sqrt(diag(vcov(cox)))), p = unname(summary(cox)$logtest["pvalue"]))

# --- to JSON, without a package ---
as_json <- function(value) {
  if (is.list(value)) {
    paste0("{", paste0("\"", names(value), "\": ", sapply(value, as_json), collapse = ", "), "}")
  } else if (length(value) > 1) {
    paste0("[", paste(sapply(value, as_json), collapse = ", "), "]")
  } else if (is.character(value)) paste0("\"", value, "\"") else format(value, digits = 10)
}
out$versions <- list(R = paste(R.version$major, R.version$minor, sep = "."), lme4 = as.character(packageVersion("lme4")),
                     pROC = as.character(packageVersion("pROC")), survival = as.character(packageVersion("survival")))
parts <- paste0(" \"", names(out), "\": ", sapply(out, as_json), collapse = ",\n")
writeLines(paste0("{\n", parts, "\n}"), file.path(here, "reference.json"))
