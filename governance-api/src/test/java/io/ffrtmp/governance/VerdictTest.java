package io.ffrtmp.governance;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.LimitOutcome.Status;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * The verdict against the table of the decision record, over every combination that can be told.
 */
class VerdictTest {
  private static final List<Row> TABLE =
      List.of(
          new Row("platform_start_failed", false, c -> c.neverStarted("PLATFORM")),
          new Row("workload_not_startable", true, c -> c.neverStarted("WORKLOAD")),
          new Row(
              "observation_lost",
              false,
              c ->
                  c.mode == Mode.RUN
                      ? c.unknown(Cause.values())
                      : c.unknown(Cause.UNREAPED, Cause.OBSERVATION_BROKE)),
          new Row("limits_not_enforced", false, c -> c.has(Status.DENIED, Status.UNSUPPORTED)),
          new Row(
              "limits_lost",
              false,
              c ->
                  c.has(Status.LOST)
                      || (c.evidence.movedByOthers() && c.has(Status.APPLIED, Status.ADJUSTED))),
          new Row(
              "platform_out_of_memory",
              false,
              c -> c.failed() && c.evidence.oomKilledBy().equals(Optional.of(OomCause.ABOVE))),
          new Row("detached_workload_continues", true, c -> c.ending.equals(new Ending.Detached())),
          new Row("observed_to_completion", true, c -> c.mode == Mode.ATTACH),
          new Row("workload_failed_platform_ok", true, Case::failed),
          new Row("completed_degraded", true, c -> c.exited0() && c.has(Status.SUBSTITUTED)),
          new Row(
              "completed_within_limits",
              true,
              c ->
                  c.exited0()
                      && !c.statuses.isEmpty()
                      && EnumSet.of(Status.APPLIED, Status.ADJUSTED).containsAll(c.statuses)),
          new Row("success", true, c -> c.exited0() && c.statuses.isEmpty()));

  @Test
  void verdict_everyCombination_isTheFirstMatchingRow() {
    Set<String> seen = new HashSet<>();
    everyCase()
        .forEach(
            each -> {
              Row expected =
                  TABLE.stream().filter(row -> row.when.test(each)).findFirst().orElseThrow();
              Verdict verdict = each.verdict();
              assertThat(verdict.wireName()).as("%s", each).isEqualTo(expected.wireName);
              assertThat(verdict.compliant()).as("%s", each).isEqualTo(expected.compliant);
              seen.add(verdict.wireName());
            });
    assertThat(seen).containsExactlyInAnyOrderElementsOf(tableNames());
  }

  @Test
  void wireNames_allOfThem_areThoseOfTheTableInItsOrder() {
    assertThat(Verdict.values())
        .extracting(Verdict::wireName)
        .containsExactlyElementsOf(tableNames());
  }

  @Test
  void verdict_sameLimitsInAnotherOrderOrNumber_isTheSame() {
    everyCase()
        .forEach(
            each -> {
              List<LimitOutcome> limits = new ArrayList<>(each.receipt().limits());
              limits.addAll(each.receipt().limits());
              Collections.reverse(limits);
              assertThat(Verdict.of(each.mode, each.ending, Receipt.of(limits), each.evidence))
                  .isEqualTo(each.verdict());
            });
  }

  private static List<String> tableNames() {
    return TABLE.stream().map(Row::wireName).toList();
  }

  private static Stream<Case> everyCase() {
    return Stream.of(Mode.values())
        .flatMap(
            mode ->
                endings()
                    .flatMap(
                        ending ->
                            subsets()
                                .flatMap(
                                    statuses ->
                                        evidence().map(e -> new Case(mode, ending, statuses, e)))));
  }

  private static Stream<Ending> endings() {
    Stream<ExitStatus> told =
        Stream.of(
            new ExitStatus.Exited(0),
            new ExitStatus.Exited(1),
            new ExitStatus.Exited(255),
            new ExitStatus.Signalled(Signal.KILL, false),
            new ExitStatus.Signalled(Signal.QUIT, true));
    Stream<ExitStatus> unknown = Stream.of(Cause.values()).map(ExitStatus.Unknown::new);
    Stream<Ending> failures =
        Stream.of(StartFailure.Fault.values())
            .flatMap(
                fault ->
                    Stream.of(StartFailure.Step.values())
                        .map(step -> StartFailure.of(fault, step, Optional.empty(), "m")))
            .map(Ending.NeverStarted::new);
    return Stream.of(
            Stream.of(new Ending.Detached()),
            Stream.concat(told, unknown).map(Ending.Ended::new),
            failures)
        .flatMap(each -> each);
  }

  /** Every set of statuses that a receipt may hold. */
  private static Stream<Set<Status>> subsets() {
    Status[] all = Status.values();
    return IntStream.range(0, 1 << all.length)
        .mapToObj(
            bits -> {
              Set<Status> subset = EnumSet.noneOf(Status.class);
              for (Status status : all) {
                if ((bits >> status.ordinal() & 1) == 1) {
                  subset.add(status);
                }
              }
              return subset;
            });
  }

  private static Stream<Evidence> evidence() {
    return Stream.of(Evidence.NONE, Evidence.NONE.survivors(2))
        .flatMap(e -> Stream.of(e, e.moved()))
        .flatMap(
            e -> Stream.of(e, e.oomKilledBy(OomCause.OWN_LIMIT), e.oomKilledBy(OomCause.ABOVE)));
  }

  private record Row(String wireName, boolean compliant, Predicate<Case> when) {}

  /** One combination, and the questions that the table asks of it. */
  private record Case(Mode mode, Ending ending, Set<Status> statuses, Evidence evidence) {
    Receipt receipt() {
      return Receipt.of(
          statuses.stream()
              .map(status -> LimitOutcome.of(Limit.CPU_WEIGHT, status, "100"))
              .toList());
    }

    Verdict verdict() {
      return Verdict.of(mode, ending, receipt(), evidence);
    }

    boolean neverStarted(String fault) {
      return ending instanceof Ending.NeverStarted never
          && never.failure().fault().name().equals(fault);
    }

    boolean unknown(Cause... causes) {
      return ending instanceof Ending.Ended ended
          && ended.status() instanceof ExitStatus.Unknown unknown
          && List.of(causes).contains(unknown.cause());
    }

    boolean has(Status... wanted) {
      return Stream.of(wanted).anyMatch(statuses::contains);
    }

    boolean exited0() {
      return ending.equals(new Ending.Ended(new ExitStatus.Exited(0)));
    }

    /** Non-zero or a signal. */
    boolean failed() {
      return ending instanceof Ending.Ended && !exited0() && !unknown(Cause.values());
    }
  }
}
