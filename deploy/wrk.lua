-- Rates of 0 to 10, each as likely:  wrk -c5 -t5 -d1m -s deploy/wrk.lua http://127.0.0.1:8080
math.randomseed(os.time())

function request()
  return wrk.format("POST", "/rate?rate=" .. math.random(0, 10))
end
