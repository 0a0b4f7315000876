package io.ffrtmp.governance.examples.bench;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Workload;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** A JVM that runs a job for each line it reads, and answers the nanoseconds. */
final class SpawnServer {
  private SpawnServer() {}

  public static void main(String[] arguments) throws Exception {
    BufferedReader lines =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    Workload workload = Workload.of(Peers.TRUE);
    try (Governor governor = Peers.governor()) {
      while (lines.readLine() != null) {
        long began = System.nanoTime();
        Peers.govern(governor, workload);
        System.out.println(System.nanoTime() - began);
      }
    }
  }
}
