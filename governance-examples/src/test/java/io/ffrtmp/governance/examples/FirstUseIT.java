package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.examples.Cli.Outcome;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher where there is no jar yet. A script stands in for Maven, which would take long. */
class FirstUseIT {
  private static final String MAVEN =
      """
      #!/bin/sh
      for goal; do :; done
      echo "$goal" >>calls
      printf '\\033[0m'
      [ "$goal" = package ] || exit 0
      [ ! -e interrupted ] || { rm interrupted; kill -INT $$; }
      read -r go <wait
      cp "$JAR" governance-examples/target/$$
      mv governance-examples/target/$$ governance-examples/target/ffrtmp.jar
      """;

  @TempDir Path checkout;
  private Path calls;
  private Path wait;

  @BeforeEach
  void checkout() throws IOException {
    Path bin = Files.createDirectories(checkout.resolve("governance-examples/bin"));
    Files.copy(Cli.LAUNCHER, bin.resolve("ffrtmp"));
    Files.createFile(checkout.resolve("governance-examples/pom.xml"));
    executable(bin.resolve("mvn"), MAVEN);
    calls = Files.createFile(checkout.resolve("calls"));
    wait = Files.createFile(checkout.resolve("wait"));
  }

  private static void executable(Path file, String script) throws IOException {
    Files.writeString(file, script);
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private ProcessBuilder launcher(String... arguments) {
    Path bin = checkout.resolve("governance-examples/bin");
    ProcessBuilder builder = new ProcessBuilder(bin.resolve("ffrtmp").toString(), "run");
    builder.command().addAll(List.of(arguments));
    builder.environment().put("PATH", bin + ":" + System.getenv("PATH"));
    builder.environment().put("JAR", Path.of("target", "ffrtmp.jar").toAbsolutePath().toString());
    return builder;
  }

  @Test
  void firstUses_together_buildOnce() throws Exception {
    assumeTrue(Cli.has("flock"), "needs flock, which comes with util-linux");
    Path said = checkout.resolve("said");
    Path saidToo = checkout.resolve("said-too");
    ProcessBuilder second = launcher("sh", "-c", "exit 3").redirectError(saidToo.toFile());
    together(
        launcher("true").redirectError(said.toFile()),
        second,
        () -> Files.readString(saidToo).contains("ffrtmp: waiting for another build"));

    assertThat(calls).hasContent("package");
    assertThat(said).content().startsWith("ffrtmp: building ").doesNotContain("\033");
  }

  @Test
  void firstUses_togetherWithoutFlock_cleanNothing() throws Exception {
    Path programs = Files.createDirectory(checkout.resolve("programs"));
    for (String each : List.of("cp", "grep", "mkdir", "mv", "readlink", "rm", "sh", "true")) {
      String command = "exec " + Cli.find(each).orElseThrow() + " \"$@\"";
      executable(programs.resolve(each), "#!/bin/sh\n" + command + "\n");
    }
    ProcessBuilder first = launcher("true");
    ProcessBuilder second = launcher("sh", "-c", "exit 3");
    for (ProcessBuilder each : List.of(first, second)) {
      each.environment().put("PATH", checkout.resolve("governance-examples/bin") + ":" + programs);
    }
    together(first, second, () -> Files.readAllLines(calls).size() > 1);

    assertThat(calls).hasContent("package\npackage");
  }

  /** The second begins while the first builds; both go on once that has been seen. */
  private void together(ProcessBuilder one, ProcessBuilder other, Callable<Boolean> seen)
      throws Exception {
    Files.delete(wait);
    List<Process> started = new ArrayList<>();
    try (RandomAccessFile gate = Cli.fifo(wait)) {
      started.add(Cli.start(one));
      await().until(() -> Files.readAllLines(calls).size() == 1);
      started.add(Cli.start(other));
      await().until(seen);
      gate.writeBytes("go\ngo\n");
      for (Process each : started) {
        assertThat(each.waitFor(1, TimeUnit.MINUTES)).isTrue();
      }
    } finally {
      started.forEach(Process::destroyForcibly);
    }
    assertThat(started).extracting(Process::exitValue).containsExactly(0, 3);
  }

  @Test
  void build_interrupted_beginsAnew() throws Exception {
    Files.createFile(checkout.resolve("interrupted"));
    assertThat(Cli.await(checkout, launcher("true")).status()).isEqualTo(125);
    Outcome outcome = Cli.await(checkout, launcher("echo", "hello"));

    assertThat(outcome.status()).as(outcome.err()).isZero();
    assertThat(outcome.out()).isEqualTo("hello\n");
    assertThat(calls).hasContent("package\nclean\npackage");
    assertThat(Cli.await(checkout, launcher("true")).err().lines()).hasSize(1);
  }
}
