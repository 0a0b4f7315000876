package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Verdict;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DetachIT {
  private static final String WORKLOAD =
      "echo $$ >\"$1\".new; mv \"$1\".new \"$1\"; exec sleep 300";

  @TempDir Path scratch;

  /** What a detached job leaves is removed by the next governor, once it is empty. */
  @AfterEach
  void sweep() throws Exception {
    Cli.ffrtmp(scratch, "run", "true");
  }

  @ParameterizedTest
  @CsvSource({"INT, 2", "TERM, 15", "HUP, 1"})
  void signal_toUs_detachesAndTheWorkloadGoesOn(String signal, int number) throws Exception {
    assumeTrue(Cli.has("perl"), "needs perl, to reap the workload that is left");
    assumeTrue(!ignored(number), "SIG" + signal + " is ignored here, and so it stays");
    Path file = scratch.resolve("result.json");
    String id = "detach-it-" + signal;
    try (Foster cli =
        new Foster(
            scratch,
            "run",
            "--job-id",
            id,
            "--result",
            file.toString(),
            "sh",
            "-c",
            WORKLOAD,
            "sh",
            scratch + "/workload")) {
      ProcessHandle workload =
          ProcessHandle.of(Long.parseLong(cli.content("workload"))).orElseThrow();
      try {
        cli.signal(signal);

        assertThat(cli.status()).isEqualTo(128 + number);
        assertThat(workload.isAlive()).as("the workload goes on").isTrue();
        assertThat(cli.err())
            .contains("ffrtmp: detached: job " + id + " goes on as process " + workload.pid());
        JobResult result = Cli.result(file);
        assertThat(result.workloadEnded()).isFalse();
        assertThat(result.pid()).hasValue(workload.pid());
        assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
        assertThat(cli.err().lines()).containsOnlyOnce(result.toString());
      } finally {
        workload.destroyForcibly();
      }
    }
  }

  private static boolean ignored(int signal) throws Exception {
    String mask =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("SigIgn:"))
            .findFirst()
            .orElseThrow()
            .substring("SigIgn:".length())
            .strip();
    return new BigInteger(mask, 16).testBit(signal - 1);
  }
}
