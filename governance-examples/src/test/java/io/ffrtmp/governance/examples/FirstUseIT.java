package io.ffrtmp.governance.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.examples.Cli.Outcome;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
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
      cp "$JAR" governance-examples/target/new
      mv governance-examples/target/new governance-examples/target/ffrtmp.jar
      """;

  @TempDir Path checkout;
  private Path calls;
  private Path wait;

  @BeforeEach
  void checkout() throws IOException {
    Path bin = Files.createDirectories(checkout.resolve("governance-examples/bin"));
    Files.copy(Cli.LAUNCHER, bin.resolve("ffrtmp"));
    Files.createFile(checkout.resolve("governance-examples/pom.xml"));
    Path maven = Files.writeString(bin.resolve("mvn"), MAVEN);
    for (Path each : List.of(maven, bin.resolve("ffrtmp"))) {
      Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
    calls = Files.createFile(checkout.resolve("calls"));
    wait = Files.createFile(checkout.resolve("wait"));
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
    Files.delete(wait);
    assertThat(new ProcessBuilder("mkfifo", wait.toString()).start().waitFor()).isZero();
    Path said = checkout.resolve("said");
    Path saidToo = checkout.resolve("said-too");
    Process first = Cli.start(launcher("true").redirectError(said.toFile()));
    await().until(() -> Files.readAllLines(calls).size() == 1);
    Process second = Cli.start(launcher("sh", "-c", "exit 3").redirectError(saidToo.toFile()));
    try {
      await().until(() -> Files.readString(saidToo).contains("ffrtmp: waiting for another build"));
    } finally {
      Files.writeString(wait, "go\n", StandardOpenOption.WRITE);
      assertThat(first.waitFor(1, TimeUnit.MINUTES)).isTrue();
      assertThat(second.waitFor(1, TimeUnit.MINUTES)).isTrue();
    }

    assertThat(first.exitValue()).isZero();
    assertThat(second.exitValue()).isEqualTo(3);
    assertThat(calls).hasContent("package");
    assertThat(said).content().startsWith("ffrtmp: building ").doesNotContain("\033");
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
